"""The guard against the other distributions that own the names ``circuits`` and ``qkan``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qkan
from qkan._guard import require_own_circuits

ROOT = Path(qkan.__file__).parents[1]


def import_with(path):
    """Import ``qkan`` in a new process whose module path starts with ``path``."""
    places = os.pathsep.join([str(path), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", "import qkan"],
        env=os.environ | {"PYTHONPATH": places},
        cwd=path,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_way_out(run):
    last = run.stderr.split("ImportError: ")[-1]
    assert run.returncode != 0
    assert "pip uninstall --yes circuits" in last
    assert "pip install --force-reinstall --no-deps hybrid-qkan" in last
    assert "pip install qkan" not in last
    return last


@pytest.mark.parametrize("text", ["__version__ = '3.2.3'\n", "__distribution__ = 'circuits'\n", ""])
def test_another_circuits_is_refused(tmp_path, text):
    other = tmp_path / "circuits"
    other.mkdir()
    (other / "__init__.py").write_text(text)
    assert f"{other / '__init__.py'} is not the 'circuits' package" in assert_way_out(
        import_with(tmp_path)
    )


def test_a_folder_named_circuits_is_refused(tmp_path):
    """A namespace package, such as what an uninstalled package leaves behind."""
    own = tmp_path / "site"
    own.mkdir()
    (own / "qkan").symlink_to(ROOT / "qkan")
    (own / "circuits").mkdir()
    run = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(own)!r}); import qkan"],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    # Where ours is installed as well, Python prefers it to a mere folder, and all is well.
    if run.returncode != 0:
        assert "another distribution of that name shadows" in assert_way_out(run)


def test_a_missing_circuits_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ImportError, match="'circuits' of hybrid-qkan is missing") as caught:
        require_own_circuits()
    assert "pip install --force-reinstall" in str(caught.value)


def test_our_own_passes():
    require_own_circuits()
