r"""How much of a network's outputs each edge accounts for.

.. math:: A^{l}_{io} = B^{l}_o \frac{s^{l}_{io}}{\sum_j s^{l}_{jo}}, \qquad
          B^{l-1}_i = \sum_o A^{l}_{io}, \qquad B^{L}_o = \frac{1}{n_L},

with :math:`s` the standard deviation of an edge function: every node shares its importance among the edges that
move it.

Source: the attribution score of Z. Liu et al., "KAN 2.0", arXiv:2408.10205, section 3.1, with equal outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError

__all__ = ["attribution"]


def attribution(strengths: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the shares of the edges; they sum to 1 in every layer unless a node is not moved at all.

    Args:
        strengths: Of the edges of one layer after the other.

    Shape:
        ``(in, out)`` each, the out of a layer being the in of the next.

    Raises:
        UsageError: If the layers are no chain.

    Example:
        >>> attribution([np.array([[3.0, 0.0], [1.0, 2.0]]), np.array([[1.0], [1.0]])])[0]
        array([[0.375, 0.   ],
               [0.125, 0.5  ]])
    """
    shares: list[NDArray[np.float64]] = []
    importance = np.full(strengths[-1].shape[1], 1 / strengths[-1].shape[1])
    for strength in reversed(strengths):
        if strength.shape[1] != len(importance):
            raise UsageError(
                f"a layer with {strength.shape[1]} outputs is followed by one with {len(importance)} inputs: "
                "the layers are no chain; look at one of them at a time"
            )
        total = strength.sum(0)
        share = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0)
        shares.append(share * importance)
        importance = shares[-1].sum(1)
    return shares[::-1]
