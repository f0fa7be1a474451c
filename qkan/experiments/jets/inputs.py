"""The sets of observables that taggers see."""

from __future__ import annotations

from qkan.data.jets import OBSERVABLES

__all__ = ["INPUTS"]

INPUTS = {
    12: OBSERVABLES,
    4: ("multiplicity", "ptd", "width", "m_over_pt"),
    2: ("multiplicity", "width"),
    1: ("multiplicity",),
}
"""The observables that models of so many inputs see."""
