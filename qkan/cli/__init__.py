"""The command line: ``qkan``. Heavy packages are imported by the command that needs them."""

from __future__ import annotations

from qkan.cli.main import main

__all__ = ["main"]
