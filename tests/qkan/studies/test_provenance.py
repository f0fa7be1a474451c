import json
import platform
import re
import subprocess
from pathlib import Path

import qkan
from qkan.studies import run as module
from qkan.studies.run import provenance


def test_it_names_versions_and_platform_but_no_machine():
    facts = provenance()
    assert facts["versions"]["hybrid-qkan"] == qkan.__version__
    assert facts["versions"]["python"] == platform.python_version()
    text = json.dumps(facts)
    assert str(Path.home()) not in text
    assert platform.node() not in text


def test_only_a_checkout_of_the_package_has_a_commit(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    package = tmp_path / "qkan"
    package.mkdir()
    (package / "_version.py").write_text("")
    assert module._commit(package) is None
    git("init")
    assert module._commit(package) is None  # somebody else's checkout around it
    git("add", ".")
    git("commit", "-m", "first", "--no-gpg-sign")
    clean = module._commit(package)
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (package / "_version.py").write_text("edited")
    assert module._commit(package) == clean + "-dirty"
