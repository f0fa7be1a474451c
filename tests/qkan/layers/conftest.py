"""Let the asserts of the contract explain themselves, as those of test files do."""

import pytest

pytest.register_assert_rewrite("qkan.layers.testing")
