"""What every variant of the experiment starts from: the filter, its backend, its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits import Circuit, FourierSeries, quanvolutional_filter, series_from_values
from circuits.backends import Backend, backend
from circuits.errors import UsageError
from qkan.cache import Store, cached_chunks
from qkan.experiments.places import Places
from qkan.experiments.quanvolution.config import Config
from qkan.layers.quantum import Evaluation
from qkan.layers.quanvolution import Quanvolution2d

__all__ = ["Setup"]

_CHUNK = 1024
"""Circuits between two writes to the cache: what a kill can cost."""


@dataclass(frozen=True)
class Setup:
    """The filter and where it runs; made (and found fault with) before anything is written.

    Attributes:
        config: All settings, filled in.
        circuit: The filter.
        backend: Where it runs.
        store: Where its outputs are kept, for this and other runs.
    """

    config: Config
    circuit: Circuit
    backend: Backend
    store: Store = field(repr=False)

    @classmethod
    def of(cls, config: Config, places: Places) -> Setup:
        """Return what the configuration describes.

        Raises:
            UsageError: If the filter or backend is unknown, or the filter does not take a square
                patch of pixels.
        """
        circuit = quanvolutional_filter(config.circuit)
        if config.full:
            if config.evaluate == "direct":
                raise UsageError(
                    "--full runs every filter on 13.7 million patches, epoch after epoch: expected "
                    "evaluate to be fourier or auto, got direct"
                )
            circuit.require_series()
            config = replace(config, evaluate="fourier")
        if isqrt(circuit.num_inputs) ** 2 != circuit.num_inputs:
            raise UsageError(
                f"expected a filter of a square patch (4, 9, ... inputs), but {circuit.name!r} has "
                f"{circuit.num_inputs} inputs"
            )
        where = backend(
            config.backend,
            shots=config.shots,
            seed=None if config.shots is None else config.seed,
            noise=config.noise,
            wires=circuit.num_wires,
        )
        return cls(config, circuit, where, Store(places.cache_dir))

    @property
    def patch(self) -> int:
        """The side of a patch, and the step between patches."""
        return isqrt(self.circuit.num_inputs)

    def layer(self, filters: Circuit | Sequence[Circuit]) -> Quanvolution2d:
        """Return the frozen layer of these filters on the backend, its nodes run or read back."""
        layer = Quanvolution2d(
            filters,
            kernel_size=self.patch,
            backend=self.backend,
            evaluate=cast(Evaluation, self.config.evaluate),
        )
        for each in layer.quantum_layers:
            if self.config.evaluate == "fourier":
                each.set_series_values(torch.from_numpy(self._run(each.circuit, None)))
        return layer

    def features(self, circuit: Circuit, images: Tensor) -> tuple[Tensor, int]:
        """Return the filter's maps in float64, and how many circuits they rest on.

        Circuits are run chunk by chunk, and each chunk is kept: a killed run goes on where it was,
        and another run of the same circuits reads them.

        Shape:
            ``(N, 1, H, W)``, float64 from 0 to 1, to ``(N, observables, H', W')``
        """
        layer = self.layer(circuit)
        (quantum,) = layer.quantum_layers
        patches = layer.patches(images)
        rows = patches.flatten(0, -2)
        if quantum.choose(len(rows), lambda: rows) == "fourier":
            quantum.set_series_values(torch.from_numpy(self._run(circuit, None)))
            with torch.no_grad():
                return layer(images), circuit.num_nodes
        places = torch.arange(len(rows))
        if self.backend.analytic:
            rows, places = torch.unique(rows, dim=0, return_inverse=True)
        values = torch.from_numpy(self._run(circuit, rows.numpy()))[places]
        maps = values.reshape(*patches.shape[:-1], -1).movedim(-1, 2).flatten(1, 2)
        return maps, len(rows)

    def fields(self, circuit: Circuit) -> dict[str, object]:
        """Return what changes the filter's numbers, for a cache key."""
        return {
            "circuit": circuit.fingerprint,
            "weights": circuit.check_weights(),
            "backend": self.backend.key,
        }

    def _run(self, circuit: Circuit, rows: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Run the circuit at these inputs, or at the nodes of its series."""
        return cached_chunks(
            self.store,
            self.fields(circuit) | {"what": f"{circuit.name} on {self.backend.name}"},
            circuit.plan.inputs if rows is None else rows,
            lambda chunk, index: self.backend.run(circuit, chunk, stream=index),
            chunk_size=_CHUNK,
            random=not self.backend.analytic,
        )

    def series(self) -> FourierSeries | None:
        """Return the filter's exact Fourier series, or None where there is none or it is huge."""
        if self.circuit.direct_only or self.circuit.num_nodes > 3**6:
            return None
        nodes = self.circuit.plan.inputs
        return series_from_values(self.circuit, backend("default.qubit").run(self.circuit, nodes))
