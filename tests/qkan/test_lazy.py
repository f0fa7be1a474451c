"""Importing the packages is quick: the heavy libraries come with the first name that needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "pennylane", "matplotlib", "scipy", "qiskit", "torchvision")


def heavy_after(statement):
    """Return the heavy libraries that a new process has loaded after ``statement``."""
    code = f"import sys; {statement}; print(*(n for n in {HEAVY!r} if n in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import qkan, circuits", "import qkan; qkan.UsageError; dir(qkan); qkan.__version__"],
)
def test_nothing_heavy_is_imported(statement):
    assert heavy_after(statement) == set()


def test_circuits_need_no_torch():
    loaded = heavy_after("import circuits; circuits.quanvolutional_filter('demo').num_nodes")
    assert "pennylane" in loaded
    assert not loaded & {"torch", "qiskit"}
