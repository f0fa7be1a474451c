"""A data set through a frozen quanvolution, once: cached, resumable, and accounted for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits import series_from_values
from circuits.backends.base import run_chunk
from qkan.chunks import Spread, cached_chunks
from qkan.layers.quantum import QuantumLayer
from qkan.layers.quanvolution import Quanvolution2d
from qkan.store import Store

__all__ = ["Preprocessed", "preprocess"]

_CHUNK = 1024
"""Circuits between two writes to the cache: what a kill can cost."""

Progress = Callable[[int, int], None]


class Preprocessed(NamedTuple):
    """Feature maps, and what they rest on.

    Attributes:
        maps: The feature maps, as the layer returns them.
        circuits: How many circuits they rest on, whether run now or read from the cache.
    """

    maps: Tensor
    circuits: int


def preprocess(
    layer: Quanvolution2d,
    images: Tensor,
    *,
    store: Store | None = None,
    progress: Progress | None = None,
    executor: Spread | None = None,
) -> Preprocessed:
    """Return the layer's feature maps of a data set, at its present weights and without gradients.

    Circuits are run in chunks and each chunk is stored at once: a killed run goes on where it stopped, and the next
    one reads what is there. Samples that cannot be drawn again (shots without a seed) are not stored.

    Args:
        layer: The quanvolution.
        images: As :class:`Quanvolution2d` takes them, shape ``(N, C, H, W)``.
        store: Keeps the results; None keeps none.
        progress: Is told the circuits done, and all of them, for each filter in turn.
        executor: Runs the chunks; see :mod:`qkan.studies.executors`. By default they run here, one by one. The
            numbers are the same, those of shots too: every chunk has samples of its own.

    Example:
        >>> import torch, circuits, qkan
        >>> layer = qkan.Quanvolution2d(circuits.quanvolutional_filter("demo"))
        >>> maps, circuits_run = qkan.preprocess(layer, torch.rand(3, 1, 28, 28))
        >>> maps.shape, circuits_run
        (torch.Size([3, 4, 14, 14]), 9)
    """
    patches = layer.patches(images)
    rows = patches.flatten(0, -2)
    modes = [quantum.choose(len(rows), lambda: rows) for quantum in layer.quantum_layers]
    values = []
    circuits = 0
    for quantum, mode in zip(layer.quantum_layers, modes, strict=True):
        inputs, places = rows, None
        if mode == "fourier":
            inputs = torch.from_numpy(quantum.circuit.plan.inputs)
        elif quantum.backend.analytic:
            inputs, places = torch.unique(rows, dim=0, return_inverse=True)
        run = torch.from_numpy(
            _run(quantum, inputs.double().cpu().numpy(), store, progress, executor)
        )
        circuits += len(run)
        values.append(run if places is None else run[places])
    with torch.no_grad():
        if all(mode == "fourier" for mode in modes):
            series = [
                series_from_values(quantum.circuit, run)
                for quantum, run in zip(layer.quantum_layers, values, strict=True)
            ]
            return Preprocessed(layer.from_series(images, series), circuits)
        found = [
            run if mode == "direct" else series_from_values(quantum.circuit, run)(rows.double())
            for quantum, mode, run in zip(layer.quantum_layers, modes, values, strict=True)
        ]
        shaped = [each.to(patches).reshape(*patches.shape[:-1], -1) for each in found]
        return Preprocessed(layer.as_maps(shaped), circuits)


def _run(
    quantum: QuantumLayer,
    inputs: NDArray[np.float64],
    store: Store | None,
    progress: Progress | None,
    executor: Spread | None,
) -> NDArray[np.float64]:
    """Run the circuit at these inputs, or read what was run before."""
    circuit, backend, stream = quantum.circuit, quantum.backend, quantum.torch_layer.stream
    weights = quantum.weight_values()
    return cached_chunks(
        store if backend.deterministic else None,
        {
            "circuit": circuit.fingerprint,
            "weights": weights,
            "backend": backend.key,
            "stream": None if backend.analytic else stream,
        },
        inputs,
        partial(run_chunk, backend, circuit, weights, stream),
        chunk_size=_CHUNK,
        random=not backend.analytic,
        what=f"{circuit.name} on {backend.name}",
        progress=progress,
        executor=executor,
    )
