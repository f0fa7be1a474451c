"""What both quanvolution experiments start from: settings, the filter and its backend, and what it is as a function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits import (
    Circuit,
    FourierSeries,
    draw,
    quanvolutional_filter,
    series_from_values,
    without_entanglement,
)
from circuits.backends import Backend, backend
from circuits.backends.base import run_chunk
from circuits.errors import UsageError, check_integer, unknown_name
from circuits.filters.demo import demo
from qkan.chunks import cached_chunks
from qkan.config import setting
from qkan.data import MNIST
from qkan.experiments.random_features import COSINE_SEEDS, RandomCosines
from qkan.layers.preprocess import Preprocessed, preprocess
from qkan.layers.quanvolution import Quanvolution2d
from qkan.plotting import Response, plot_channels, plot_response
from qkan.store import Store
from qkan.studies.report import Picture, Section
from qkan.studies.run import Places, RunFolder

__all__ = ["LABELS", "Config", "Filter", "Form", "describe", "form_of", "pixels"]

_PROTOCOL = {"seeds": 30, "epochs": 60, "batch_size": 4, "train": 50, "validation": 30}
_FULL = {"seeds": 3, "epochs": 6, "batch_size": 128, "train": 55_000, "validation": 5_000}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SHOWN = 8

LABELS = {
    "quantum": "quantum filter",
    "classical": "raw pixels",
    "no_entanglement": "no entanglement",
    "random_features": "random cosines",
}
"""What the arms are called in reports."""


@dataclass(frozen=True)
class Config:
    """The settings of one run: everything that changes its numbers, and nothing else.

    Settings that are None take the published protocol's value, or with ``full`` that of the
    experiment on all of MNIST: see :meth:`settled`.

    Raises:
        UsageError: If a number is not positive, or a name unknown.
    """

    circuit: str = setting("demo", "The filter; `qkan circuits` lists them.")
    backend: str = setting("auto", "Where circuits run; `qkan backends` lists them.")
    evaluate: str = setting("auto", "auto, fourier (nodes, then the series) or direct.")
    shots: int | None = setting(None, "Shots a circuit; exact expectation values without.")
    seed: int = setting(0, "What shots are drawn from.")
    noise: str | None = setting(None, "A noise channel and its strength, like depolarizing:0.01.")
    full: bool = setting(False, "All of MNIST: 1, 4 and 9 filters, linear and CNN head.")
    seeds: int | None = setting(None, "How many seeds (30; full: 3).")
    epochs: int | None = setting(None, "Passes over the training images (60; full: 6).")
    batch_size: int | None = setting(None, "Images a step (4; full: 128).")
    train: int | None = setting(None, "Training images (50; full: 55,000).")
    validation: int | None = setting(None, "Validation images (30; full: 5,000).")

    def __post_init__(self) -> None:
        if self.evaluate not in ("auto", "fourier", "direct"):
            raise unknown_name("way to evaluate", self.evaluate, ["auto", "fourier", "direct"])
        for name in _PROTOCOL:
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), least=2 if name == "seeds" else 1)

    def settled(self) -> Config:
        """Return the same with every number filled in.

        Example:
            >>> Config(epochs=2).settled().epochs, Config().settled().seeds
            (2, 30)
        """
        defaults = _FULL if self.full else _PROTOCOL
        missing: dict[str, Any] = {k: v for k, v in defaults.items() if getattr(self, k) is None}
        return replace(self, **missing)

    @property
    def is_published_protocol(self) -> bool:
        """Whether the published single run was trained in the same way."""
        used = {name: getattr(self.settled(), name) for name in _PROTOCOL}
        return not self.full and used | {"seeds": 0} == _PROTOCOL | {"seeds": 0}


def pixels(images: Tensor) -> Tensor:
    """Return 8-bit images as float64 from 0 to 1."""
    return images.double() / 255


@dataclass(frozen=True)
class Filter:
    """The filter and where it runs; made (and found fault with) before anything is written.

    Attributes:
        config: All settings, filled in.
        circuit: The filter.
        backend: Where it runs.
    """

    config: Config
    circuit: Circuit
    backend: Backend

    @classmethod
    def of(cls, config: Config) -> Filter:
        """Return what the configuration describes.

        Raises:
            UsageError: If the filter or backend is unknown, or the filter does not take a square
                patch of pixels.
        """
        circuit = quanvolutional_filter(config.circuit)
        if math.isqrt(circuit.num_inputs) ** 2 != circuit.num_inputs:
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
        return cls(config, circuit, where)

    @property
    def control(self) -> Circuit:
        """The filter without the gates that join wires."""
        return without_entanglement(self.circuit)

    @property
    def is_published(self) -> bool:
        """Whether the filter is the published one, without shots and noise."""
        return self.backend.exact and self.circuit.fingerprint == demo().fingerprint

    @property
    def patch(self) -> int:
        """The side of a patch, and the step between patches."""
        return math.isqrt(self.circuit.num_inputs)

    @property
    def key(self) -> dict[str, object]:
        """What changes the filter's numbers."""
        return self.key_of(self.circuit)

    def key_of(self, circuit: Circuit) -> dict[str, object]:
        """Return what changes the numbers of a circuit on the backend."""
        weights = circuit.check_weights()
        return {"circuit": circuit.fingerprint, "weights": weights, "backend": self.backend.key}

    def facts(self, data: MNIST, circuits_executed: int) -> dict[str, Any]:
        """Return the provenance of a run."""
        return {
            "backend": {**self.backend.key, "reason": self.backend.reason},
            "circuit": {
                "name": self.circuit.name,
                "fingerprint": self.circuit.fingerprint,
                "control": self.control.fingerprint,
            },
            "circuits_executed": circuits_executed,
            "data": {"source": data.source, "sha256": data.sha256},
        }

    def layer(self, filters: Circuit | Sequence[Circuit]) -> Quanvolution2d:
        """Return the frozen layer of these filters on the backend."""
        evaluate = cast(Any, self.config.evaluate)
        return Quanvolution2d(
            filters, kernel_size=self.patch, backend=self.backend, evaluate=evaluate
        )

    def layer_from_cache(self, filters: Sequence[Circuit], store: Store) -> Quanvolution2d:
        """Return the layer with the nodes of its Fourier series run, or read back."""
        layer = self.layer(filters)
        for index, each in enumerate(layer.quantum_layers):
            values = cached_chunks(
                store,
                self.key_of(each.circuit) | {"filter": index},
                each.circuit.plan.inputs,
                partial(run_chunk, self.backend, each.circuit, None, index),
                chunk_size=each.circuit.num_nodes,
                random=not self.backend.analytic,
                what=f"nodes of {each.circuit.name} on {self.backend.name}",
            )
            each.set_series_values(torch.from_numpy(values))
        return layer

    def features(self, circuit: Circuit, images: Tensor, places: Places) -> Preprocessed:
        """Return the maps of a filter, and how many circuits they rest on.

        Circuits are run chunk by chunk, and each chunk is kept: a killed run goes on where it was,
        and another run of the same circuits reads them.

        Shape:
            ``(N, 1, H, W)``, from 0 to 1, to ``(N, observables, H', W')``
        """
        with places.progress.task(f"{circuit.name} on {self.backend.name}") as advance:
            return preprocess(
                self.layer(circuit),
                images,
                store=Store(places.cache_dir),
                progress=advance,
                executor=places.executor,
            )

    def cosines(self, channels: int, seed: int) -> RandomCosines:
        """Return the control of a seed: so many random cosines of the same patches."""
        return RandomCosines(channels, COSINE_SEEDS + seed, self.patch)

    def series(self) -> FourierSeries | None:
        """Return the filter's exact Fourier series, or None where there is none or it is huge."""
        if self.circuit.direct_only or self.circuit.num_nodes > 3**6:
            return None
        nodes = self.circuit.plan.inputs
        return series_from_values(self.circuit, backend("default.qubit").run(self.circuit, nodes))

    def sentence(self, series: FourierSeries | None) -> str:
        """Return what the filter is, as a function of a patch."""
        circuit = self.circuit
        if series is None:
            why = circuit.direct_only or "its Fourier series has too many terms to look at each"
            return f"The filter {circuit.name} was not taken apart: {why}."
        forms = forms_of(series)
        terms = circuit.num_observables * math.prod(2 * degree + 1 for degree in circuit.degrees)
        return (
            f"The quantum layer is {describe(forms)} of a patch: of the {terms} Fourier coefficients "
            f"that its {circuit.num_wires} wires allow, {sum(form.terms for form in forms)} are not zero."
        )

    def section(
        self,
        title: str,
        series: FourierSeries | None,
        images: Tensor,
        maps: Tensor,
        folder: RunFolder,
    ) -> Section:
        """Draw the circuit, its outputs as functions, and what it makes of a few images."""
        names = [
            rf"$\langle {o.name[-1]}_{{{o.wires[0]}}}\rangle$"
            if len(o.wires) == 1 and o.name.startswith("Pauli")
            else f"output {k}"
            for k, o in enumerate(self.circuit.observables)
        ]
        caption = f"The circuit of the filter {self.circuit.name}."
        pictures = [Picture.save(folder, "circuit", caption, draw(self.circuit))]
        if series:
            caption = (
                "The filter as a function of its pixels (0 to 1): a curve where an output depends on one pixel, a map "
                "where it depends on two, else a cut along each with the others black."
            )
            pictures.append(Picture.save(folder, "response", caption, _response(series, names)))
        caption = "Four training images and the channels that the filter makes of them."
        shown = maps[:, :_SHOWN].numpy()
        plot = plot_channels(images[:, 0].numpy(), shown, names[:_SHOWN])
        pictures.append(Picture.save(folder, "channels", caption, plot))
        return Section(title, pictures=pictures)


def _response(series: FourierSeries, names: Sequence[str]) -> Any:
    """Draw every output as a function of the pixels that it depends on."""
    x = np.linspace(0, 1, 101)
    responses = []
    for output, (form, name) in enumerate(zip(forms_of(series), names, strict=True)):
        if len(form.inputs) == 2:
            points = np.zeros((len(x), len(x), len(series.scales)))
            one, two = form.inputs
            points[..., one], points[..., two] = np.meshgrid(x, x, indexing="ij")
        else:
            points = np.zeros((len(form.inputs), len(x), len(series.scales)))
            for row, k in enumerate(form.inputs):
                points[row, :, k] = x
        responses.append(Response(name, form.inputs, series(points)[..., output]))
    return plot_response(x, responses)


@dataclass(frozen=True)
class Form:
    """The shape of one output's Fourier series.

    Attributes:
        inputs: The pixels that it depends on.
        degree: The highest frequency, in units of the input's scale.
        terms: How many coefficients are not zero.
        is_product: Whether it is a product of functions of one pixel each.
    """

    inputs: tuple[int, ...]
    degree: int
    terms: int
    is_product: bool

    def in_words(self, s: str = "") -> str:
        """Return what the output is; with ``s``, in the plural."""
        pixels = _count(len(self.inputs))
        if not self.inputs:
            return f"constant{s}"
        if len(self.inputs) > 1 and not self.is_product:
            return f"sum{s} of {self.terms} Fourier terms in {pixels} pixels"
        many, degree = s if len(self.inputs) == 1 else "s", self.degree
        wave = f"one-pixel sinusoid{many}"
        if degree > 1:
            wave = f"one-pixel trigonometric polynomial{many} of degree {degree}"
        return wave if len(self.inputs) == 1 else f"product{s} of {pixels} {wave}"


def forms_of(series: FourierSeries) -> list[Form]:
    """Return the form of every output of a circuit.

    Example:
        >>> series = Filter.of(Config()).series()
        >>> print(describe(forms_of(series)))
        three one-pixel sinusoids and one product of two one-pixel sinusoids
    """
    found = {
        output: form_of(np.asarray(table), block.inputs)
        for block, tables in zip(series.plan.blocks, series.coefficients, strict=True)
        for output, table in zip(block.outputs, tables, strict=True)
    }
    return [found[output] for output in sorted(found)]


def form_of(
    coefficients: NDArray[np.float64], inputs: Sequence[int], tolerance: float = 1e-10
) -> Form:
    """Return the form of the series with these coefficients of 1, cos, sin, cos 2, ...

    Args:
        coefficients: One axis an input, of length 2 degree + 1.
        inputs: Which pixel each axis belongs to.
        tolerance: Below this a coefficient counts as zero.
    """
    present = np.abs(coefficients) > tolerance
    where = np.argwhere(present)
    axes = [axis for axis in range(present.ndim) if (where[:, axis] > 0).any()]
    singular = (
        np.linalg.svd(np.moveaxis(coefficients, axis, 0).reshape(size, -1), compute_uv=False)
        for axis, size in enumerate(coefficients.shape)
    )
    return Form(
        inputs=tuple(inputs[axis] for axis in axes),
        degree=int((where.max(initial=0) + 1) // 2),
        terms=len(where),
        # A tensor is an outer product of vectors if every unfolding has rank one.
        is_product=all((s[1:] <= tolerance).all() for s in singular),
    )


def describe(forms: Sequence[Form]) -> str:
    """Return the forms as a list in words.

    Example:
        >>> wave = Form(inputs=(0,), degree=1, terms=1, is_product=True)
        >>> describe([wave, wave, wave])
        'three one-pixel sinusoids'
    """
    kinds: dict[str, list[Form]] = {}
    for form in forms:
        kinds.setdefault(form.in_words(), []).append(form)
    parts = [f"{_count(len(a))} {a[0].in_words('s' if len(a) > 1 else '')}" for a in kinds.values()]
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _count(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
