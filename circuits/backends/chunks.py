"""A part of a long run, wherever it is run: a function of a module that needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from circuits.backends.base import Backend
from circuits.definition import Circuit

__all__ = ["run_chunk"]


def run_chunk(
    backend: Backend,
    circuit: Circuit,
    weights: Mapping[str, npt.ArrayLike] | None,
    stream: int,
    rows: npt.NDArray[np.float64],
    index: int,
) -> npt.NDArray[np.float64]:
    """Run the circuit on the rows of one chunk; with shots, each chunk has samples of its own.

    Args:
        backend: Where it runs.
        circuit: What runs.
        weights: The weights by name; those left out take the circuit's defaults.
        stream: Tells apart several runs under one seed, such as the filters of a layer.
        rows: The inputs, as for :meth:`Backend.run`.
        index: The chunk's place in the run: the samples follow from it, whatever was run before, and wherever.
    """
    return backend.run(circuit, rows, weights, stream=(stream << 32) + index)
