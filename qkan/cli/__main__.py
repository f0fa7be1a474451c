"""``python -m qkan.cli`` is ``qkan``."""

from __future__ import annotations

import sys

from qkan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
