"""Where a result comes from: versions, platform, commit, date."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import qkan

__all__ = ["provenance"]

PACKAGES = ("torch", "pennylane", "numpy", "scipy")


def provenance() -> dict[str, Any]:
    """Return what a reader needs to run the same again; neither host names nor paths.

    Example:
        >>> sorted(provenance())
        ['commit', 'date', 'platform', 'versions']
    """
    versions = {"python": platform.python_version(), "hybrid-qkan": qkan.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "commit": _commit(Path(qkan.__file__).parent),
    }


def _commit(package: Path) -> str | None:
    """Return the commit of the checkout that holds the package, "-dirty" if it was edited.

    An installed package may lie inside somebody else's checkout (their ``.venv``), so git must
    also know the package's own files.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "_version.py")
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
