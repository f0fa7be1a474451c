"""Figures as bytes, the same for the same figure."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.figure import Figure

__all__ = ["render"]


def render(figure: Figure, kind: Literal["png", "pdf"]) -> bytes:
    """Return the file that shows ``figure``; it carries no date, so that runs can be compared.

    Example:
        >>> render(Figure(), "png")[1:4]
        b'PNG'
    """
    stream = io.BytesIO()
    dates = {"CreationDate": None} if kind == "pdf" else None
    figure.savefig(stream, format=kind, dpi=160, bbox_inches="tight", metadata=dates)
    return stream.getvalue()
