"""Every notebook runs, is committed executed and in step with its script, and stays small."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    @pytest.mark.slow
    def test_runs(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QKAN_QUICK", "1")
        monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": FOLDER}}).execute()

    def test_is_committed_executed_without_errors(self, path: Path) -> None:
        cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        assert all(cell.execution_count for cell in cells)
        assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]
        assert any("image/png" in o.get("data", {}) for cell in cells for o in cell.outputs)

    def test_equals_its_script(self, path: Path) -> None:
        # In a folder of their own: beside the notebooks, qkan.py would stand for the package.
        script = jupytext.read(FOLDER / "scripts" / f"{path.stem}.py")
        notebook = nbformat.read(path, as_version=4)
        assert [c.source for c in script.cells] == [c.source for c in notebook.cells]

    def test_is_below_one_megabyte(self, path: Path) -> None:
        assert path.stat().st_size < 1_000_000
