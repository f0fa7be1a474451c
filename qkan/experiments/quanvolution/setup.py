"""What every variant of the experiment starts from: the filter, its backend, its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isqrt
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from circuits import Circuit, FourierSeries, quanvolutional_filter, series_from_values
from circuits.backends import Backend, backend
from circuits.backends.base import run_chunk
from circuits.errors import UsageError
from circuits.filters.demo import demo
from qkan.chunks import cached_chunks
from qkan.data import MNIST, mnist
from qkan.experiments.quanvolution.config import Config
from qkan.layers.preprocess import Preprocessed, preprocess
from qkan.layers.quantum import Evaluation
from qkan.layers.quanvolution import Quanvolution2d
from qkan.progress import Progress
from qkan.store import Store
from qkan.studies.run import Places
from qkan.studies.tasks import Executor

__all__ = ["Setup", "load_images"]


def load_images(config: Config, data_dir: Path | None) -> MNIST:
    """Return the images that the configuration asks for."""
    if config.full:
        return mnist(full=True, data_dir=data_dir)
    return mnist(train=config.train, test=config.validation)


@dataclass(frozen=True)
class Setup:
    """The filter and where it runs; made (and found fault with) before anything is written.

    Attributes:
        config: All settings, filled in.
        circuit: The filter.
        backend: Where it runs.
        store: Where its outputs are kept, for this and other runs.
        progress: Who is told of circuits that run.
        executor: Where they run side by side.
    """

    config: Config
    circuit: Circuit
    backend: Backend
    store: Store = field(repr=False)
    progress: Progress = field(repr=False)
    executor: Executor = field(repr=False)

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
        store = Store(places.cache_dir)
        return cls(config, circuit, where, store, places.progress, places.executor)

    @property
    def is_published(self) -> bool:
        """Whether the filter is the published one, without shots and noise."""
        exact = self.backend.analytic and self.backend.noise is None
        return exact and self.circuit.fingerprint == demo().fingerprint

    @property
    def patch(self) -> int:
        """The side of a patch, and the step between patches."""
        return isqrt(self.circuit.num_inputs)

    def layer(self, filters: Circuit | Sequence[Circuit]) -> Quanvolution2d:
        """Return the frozen layer of these filters on the backend."""
        return Quanvolution2d(
            filters,
            kernel_size=self.patch,
            backend=self.backend,
            evaluate=cast(Evaluation, self.config.evaluate),
        )

    def layer_from_cache(self, filters: Sequence[Circuit]) -> Quanvolution2d:
        """Return the layer with the nodes of its Fourier series run, or read back."""
        layer = self.layer(filters)
        for index, each in enumerate(layer.quantum_layers):
            values = cached_chunks(
                self.store,
                self.fields(each.circuit) | {"filter": index},
                each.circuit.plan.inputs,
                partial(run_chunk, self.backend, each.circuit, None, index),
                chunk_size=each.circuit.num_nodes,
                random=not self.backend.analytic,
                what=f"nodes of {each.circuit.name} on {self.backend.name}",
            )
            each.set_series_values(torch.from_numpy(values))
        return layer

    def features(self, circuit: Circuit, images: Tensor) -> Preprocessed:
        """Return the filter's maps, and how many circuits they rest on.

        Circuits are run chunk by chunk, and each chunk is kept: a killed run goes on where it was,
        and another run of the same circuits reads them.

        Shape:
            ``(N, 1, H, W)``, from 0 to 1, to ``(N, observables, H', W')``
        """
        with self.progress.task(f"{circuit.name} on {self.backend.name}") as advance:
            return preprocess(
                self.layer(circuit),
                images,
                store=self.store,
                progress=advance,
                executor=self.executor,
            )

    def fields(self, circuit: Circuit) -> dict[str, object]:
        """Return what changes the filter's numbers, for a cache key."""
        return {
            "circuit": circuit.fingerprint,
            "weights": circuit.check_weights(),
            "backend": self.backend.key,
        }

    def series(self) -> FourierSeries | None:
        """Return the filter's exact Fourier series, or None where there is none or it is huge."""
        if self.circuit.direct_only or self.circuit.num_nodes > 3**6:
            return None
        nodes = self.circuit.plan.inputs
        return series_from_values(self.circuit, backend("default.qubit").run(self.circuit, nodes))
