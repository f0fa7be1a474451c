"""How far shots and noise move the filter's features, on the run's own images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits import sampled_variance, series_from_values
from circuits.backends import Backend, backend
from qkan.experiments.quanvolution.setup import Setup
from qkan.plotting.physics import plot_feature_errors
from qkan.studies.report import Picture, Section
from qkan.studies.run import RunFolder

__all__ = ["FeatureErrors", "feature_errors", "noise_section"]

SHOTS = (64, 256, 1024, 4096)
NOISES = ("depolarizing:0.001", "depolarizing:0.01", "depolarizing:0.05")
_DRAWS = 3


@dataclass(frozen=True)
class FeatureErrors:
    """Root mean square errors of all features, against the exact ones.

    Attributes:
        shots: Shots for each node.
        errors: For each backend, one error for each of them.
        limits: For each backend, the error without shots.
        predicted: What sampling alone has, from the variances of the nodes.
    """

    shots: NDArray[np.int64]
    errors: dict[str, NDArray[np.float64]]
    limits: dict[str, float]
    predicted: NDArray[np.float64]


def feature_errors(setup: Setup, images: Tensor) -> FeatureErrors:
    """Run the nodes on backends of different noise with different shots, and compare the features.

    Args:
        setup: The filter, which has a Fourier series, and the backend.
        images: The images, shape ``(N, 1, H, W)``.
    """
    circuit = setup.circuit
    rows = setup.layer(circuit).patches(images).flatten(0, -2).double().numpy()
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    share = counts / counts.sum()
    nodes = circuit.plan.inputs
    exact = backend("default.qubit").run(circuit, nodes)
    reference = series_from_values(circuit, exact)(unique)

    def error(values: NDArray[np.float64]) -> float:
        """Return the mean square over patches and outputs."""
        squares = (series_from_values(circuit, values)(unique) - reference) ** 2
        return float(share @ squares.mean(axis=1))

    def sampled(where: Backend, shots: int) -> float:
        rerun = backend(where.name, shots=shots, seed=setup.config.seed, noise=where.noise)
        draws = rerun.run(circuit, np.tile(nodes, (_DRAWS, 1))).reshape(_DRAWS, *exact.shape)
        return float(np.sqrt(np.mean([error(values) for values in draws])))

    errors, limits = {}, {}
    for name, where in _backends(setup).items():
        errors[name] = np.array([sampled(where, shots) for shots in SHOTS])
        limits[name] = float(np.sqrt(error(where.run(circuit, nodes))))
    variances = sampled_variance(circuit, unique, 1 - exact**2)
    predicted = np.sqrt(share @ variances.mean(axis=1) / np.array(SHOTS))
    return FeatureErrors(np.array(SHOTS), errors, limits, predicted)


def _backends(setup: Setup) -> dict[str, Backend]:
    """Return exact backends by what is wrong with them: nothing, known channels, and the run's own."""
    found = {"no noise": backend("default.qubit")}
    found |= {noise: backend("default.mixed", noise=noise) for noise in NOISES}
    own = setup.backend
    if own.noise is not None or own.name.startswith("aer:"):
        name = own.name if own.noise is None else str(own.noise)
        found[name] = backend(own.name, noise=own.noise)
    return found


def noise_section(setup: Setup, images: Tensor, folder: RunFolder) -> Section | None:
    """Return what is said of a run with shots or noise; None for exact runs, and where circuits are paid for."""
    own = setup.backend
    exact = own.analytic and own.noise is None and not own.name.startswith("aer:")
    if exact or own.paid or setup.circuit.direct_only is not None:
        return None
    found = feature_errors(setup, images)
    maps = setup.features(setup.circuit, images).maps
    layer = setup.layer(setup.circuit)
    values = setup.series()
    caption = (
        f"Features from {setup.circuit.num_nodes} sampled nodes, {_DRAWS} draws each; dotted: the limit of many shots. "
        "Grey: what shots alone give, from the variances of the nodes."
    )
    text = [
        "Where only the nodes of the Fourier series are run, as in the figure, a feature is a sum of their values with "
        "weights whose squares sum to one. Its variance is a weighted mean of theirs, (1 - z²)/shots, and never above "
        "1/shots: as good as direct shots. But all patches share the nodes, so that errors of different patches are "
        "correlated: more images do not average them out, more shots do."
    ]
    if values is not None:
        rows = layer.patches(images).flatten(0, -2).double()
        wanted = torch.from_numpy(values(rows.numpy()))
        ours = maps.movedim(1, -1).reshape(-1, maps.shape[1]).double()
        root = float((ours - wanted).square().mean().sqrt())
        text.append(f"In this run the root mean square error of a feature is {root:.4f}.")
    figure = plot_feature_errors(found.shots, found.errors, found.limits, found.predicted)
    return Section(
        "Shots and noise", text, pictures=[Picture.save(folder, "noise", caption, figure)]
    )
