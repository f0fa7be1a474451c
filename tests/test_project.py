"""What the project says of itself: versions, citation, README."""

from __future__ import annotations

import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
import yaml

import qkan

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_citation_names_this_version_and_the_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == qkan.__version__
    cited = {i["value"] for r in citation["references"] for i in r.get("identifiers", [])}
    needed = {"1904.04767", "2407.04149", "2404.19756", "2509.14026", "2008.08605", "2206.11740"}
    assert {f"arXiv:{number}" for number in needed} <= cited
    assert all(r["title"] and r["authors"] for r in citation["references"])


def test_test_extra_brings_every_extra_but_the_gpu() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    (own,) = [need for need in extras["test"] if need.startswith("hybrid-qkan[")]
    assert set(own[own.index("[") + 1 : -1].split(",")) == extras.keys() - {"test", "gpu"}


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Stricter than the contract of import-linter, which does not compare a package with its own files."""
    graph = grimp.build_graph(
        "qkan", "circuits", exclude_type_checking_imports=True, cache_dir=None
    )
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # names the circle if there is one


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = re.search(r"^(python -m venv .*&& \.venv/bin/pytest)$", README, re.MULTILINE)
    assert command
    *install, test = command[1].split(" && ")
    assert all(part.replace("pip install", "pip install --quiet") in script for part in install)
    assert test in script


def test_readme_points_at_files_that_exist() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    assert all((ROOT / target).exists() for target in targets)


def test_readme_never_installs_another_project() -> None:
    assert not re.search(r"pip install (qkan|circuits)\b", README)


@pytest.mark.slow
def test_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 2
    exec("\n".join(blocks), {"__name__": "readme"})
