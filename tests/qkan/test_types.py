"""A user's mypy sees our types: both packages are marked as typed, and the public names lead to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import circuits
import qkan

PROGRAM = """
import circuits, qkan
from qkan.models import load

reveal_type(circuits.edge("pz").num_nodes)
reveal_type(load)
qkan.KAN()
qkan.Kan
"""


@pytest.mark.slow
def test_a_users_program_is_checked(tmp_path: Path) -> None:
    for package in (qkan, circuits):
        assert (Path(str(package.__file__)).parent / "py.typed").is_file()
    (tmp_path / "program.py").write_text(PROGRAM)
    # In a folder of its own, without our configuration, as for whoever installed the packages.
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "program.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    first, second, *errors, _ = run.stdout.splitlines()
    assert first.endswith('"int"')
    assert "Model" in second
    assert [error.rpartition("[")[2] for error in errors] == ["call-arg]", "attr-defined]"]
