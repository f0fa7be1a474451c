import subprocess
import sys

import pytest

import circuits


def test_importing_is_quick():
    code = (
        "import sys, circuits; dir(circuits); circuits.__all__\n"
        "print([m for m in ('torch', 'pennylane', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in circuits.__all__:
        assert getattr(circuits, name) is not None
        assert name in dir(circuits)


def test_a_name_stays_what_it_is():
    """A submodule of the same name would take a function's place once it is imported."""
    twice = [(getattr(circuits, name), getattr(circuits, name)) for name in circuits.__all__]
    assert all(first is second for first, second in twice)
    modules = {n for n in circuits.__all__ if isinstance(getattr(circuits, n), type(circuits))}
    assert modules == {"backends", "filters", "fourier"}


def test_unknown_names():
    with pytest.raises(AttributeError, match="module 'circuits' has no attribute 'nothing'"):
        _ = circuits.nothing
