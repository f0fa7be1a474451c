"""Quantum circuits, their backends and their Fourier series. Nothing in here knows of torch models.

The public names are imported when they are first used: ``import circuits`` is quick.
"""

from __future__ import annotations

__all__: list[str] = []

__distribution__ = "hybrid-qkan"
"""Tells this package from the event framework of the same name (see ``qkan._guard``)."""
