"""What every variant of the experiment starts from: the filter, its backend, its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuits import Circuit, FourierSeries, quanvolutional_filter, series_from_values
from circuits.backends import Backend, backend
from circuits.errors import UsageError
from qkan.cache import Store, key
from qkan.experiments.places import Places
from qkan.experiments.quanvolution.config import Config
from qkan.layers import Quanvolution2d

__all__ = ["Setup"]


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
        """Return the frozen layer of these filters on the backend."""
        return Quanvolution2d(
            filters,
            kernel_size=self.patch,
            stride=self.patch,
            backend=self.backend,
            evaluate=self.config.evaluate,
        )

    def features(self, circuit: Circuit, images: Tensor) -> Tensor:
        """Return the layer's output in float64, from the cache if it was computed before.

        Shape:
            ``(N, 1, H, W)`` to ``(N, observables, H', W')``
        """
        fields = self.fields(circuit) | {"what": "quanvolution features", "images": images}

        def compute() -> dict[str, np.ndarray[Any, Any]]:
            with torch.no_grad():
                return {"features": self.layer(circuit)(images.double()).numpy()}

        stored = self.store.get_or_compute(key(**fields), compute, fields)
        return torch.from_numpy(stored["features"])

    def fields(self, circuit: Circuit) -> dict[str, object]:
        """Return what changes the filter's numbers, for a cache key."""
        return {
            "circuit": circuit.fingerprint,
            "weights": circuit.check_weights(),
            "backend": self.backend.key,
            "evaluate": self.config.evaluate,
        }

    def series(self) -> FourierSeries | None:
        """Return the filter's exact Fourier series, or None where there is none or it is huge."""
        if self.circuit.direct_only or self.circuit.num_nodes > 3**6:
            return None
        nodes = self.circuit.plan.inputs
        return series_from_values(
            self.circuit, backend("default.qubit").run(self.circuit, nodes)
        )
