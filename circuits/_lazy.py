"""Public names that are imported when they are first used, so that ``import`` stays quick."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(
    package: str, file: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the ``__getattr__`` and ``__dir__`` (PEP 562) and the ``__all__`` of a package's ``__init__.py``.

    The imports under its ``if TYPE_CHECKING:`` are the one list of its public names: type checkers take them as they
    are, and here each becomes an import at first use.

    Args:
        package: The package's ``__name__``.
        file: Its ``__file__``.
    """
    homes = {
        alias.name: node.module or package
        for block in ast.parse(Path(file).read_text(encoding="utf-8")).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if homes[name] == package:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(homes[name]), name)

    return get, lambda: sorted(homes), sorted(homes)
