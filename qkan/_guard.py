"""The one place where qkan looks at ``circuits``: is it ours?

PyPI has another distribution called ``circuits`` (an event framework). Whichever of the two was
installed last wins without a word, so the mix-up is found here, with the way out.
"""

from __future__ import annotations

import importlib

__all__ = ["require_own_circuits"]

_DISTRIBUTION = "hybrid-qkan"


def require_own_circuits() -> None:
    """Import ``circuits`` and make sure that it is the package of this distribution.

    Raises:
        ImportError: If ``circuits`` is missing or belongs to another distribution.
    """
    advice = (
        "Remove the other one and put ours back:\n"
        "    pip uninstall --yes circuits\n"
        f"    pip install --force-reinstall --no-deps {_DISTRIBUTION}"
    )
    try:
        module = importlib.import_module("circuits")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the package 'circuits' of {_DISTRIBUTION} is missing. {advice}"
        ) from error
    if getattr(module, "__distribution__", None) != _DISTRIBUTION:
        raise ImportError(
            f"{getattr(module, '__file__', None) or 'circuits'} is not the 'circuits' package of "
            f"{_DISTRIBUTION}: another distribution of that name shadows or overwrote it. {advice}"
        )
