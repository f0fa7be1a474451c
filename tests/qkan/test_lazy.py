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


@pytest.mark.slow
def test_circuits_need_no_torch():
    loaded = heavy_after("import circuits; circuits.quanvolutional_filter('demo').num_nodes")
    assert "pennylane" in loaded
    assert not loaded & {"torch", "qiskit"}


WITHOUT_EXTRAS = """
import importlib, pkgutil, sys

EXTRAS = "optuna torchvision sklearn dask distributed qiskit_aer qiskit_ibm_runtime pylatexenc h5py awkward vector " \\
    "fastjet pythia8mc".split()

class Nothing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
import circuits, qkan

for package in (circuits, qkan):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except (ModuleNotFoundError, qkan.MissingExtraError):
                print(module.name)
"""


@pytest.mark.slow
def test_without_the_extras_everything_but_the_estimators_can_be_imported():
    code = [sys.executable, "-W", "ignore", "-c", WITHOUT_EXTRAS]
    run = subprocess.run(code, capture_output=True, text=True, check=True)
    assert all(name.startswith("qkan.estimators") for name in run.stdout.split())
