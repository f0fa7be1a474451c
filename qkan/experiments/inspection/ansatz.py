"""What the page says of the circuits on the edges: coefficients in reach, gradients against depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from circuits import Circuit, draw
from circuits.edges import EDGES, edge
from circuits.naming import parse_call
from qkan.analysis.expressivity import (
    coefficient_cloud,
    gradient_variance,
    gradient_variances,
    random_cloud,
    reachable_dimension,
)
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.plotting import plot_clouds, plot_gradient_variances
from qkan.studies.report import Picture, Section

__all__ = ["ansatz_section", "circuits_of"]

_SEED = 0
_DEPTHS = (1, 2, 3, 4, 6, 8)
_WIRES = (2, 3, 4)
_EXPONENTIAL = (1, 2, 3)


def circuits_of(layers: dict[str, Any]) -> list[Circuit]:
    """Return the different circuits on the edges that have weights."""
    found = {
        layer.circuit.fingerprint: layer.circuit
        for layer in layers.values()
        if isinstance(layer, QuantumKANLayer) and layer.circuit.weight_shapes
    }
    return list(found.values())


def ansatz_section(circuit: Circuit) -> tuple[str, Section]:
    """Return a sentence on what a circuit can reach, and the section about it."""
    rng = np.random.default_rng(_SEED)
    pictures = [Picture.of("circuit", f"The circuit {circuit.name}.", draw(circuit, decimals=None))]
    variance = gradient_variance(circuit, rng=rng)
    text = [
        f"Over {variance.samples} random settings of the weights, the gradient of a weight has the variance "
        f"{variance.mean:.2g} on average and {variance.largest:.2g} for the weight that varies most."
    ]
    sentence = f"The circuit {circuit.name} has no Fourier series."
    if circuit.direct_only is None:
        degree = circuit.degrees[0]
        free = reachable_dimension(circuit)
        sentence = (
            f"The circuit {circuit.name} has {2 * degree + 1} Fourier coefficients; its weights move them in "
            f"{free} independent directions"
            + ("." if free == 2 * degree + 1 else ", so that they are tied.")
        )
        clouds = {
            circuit.name: coefficient_cloud(circuit, rng=rng),
            "free, at random": random_cloud(degree, rng=rng),
        }
        caption = (
            "Coefficients of exp(ikx) at 500 random settings of the weights (above), and those of random series that "
            "fill the same range (below). A small cloud is hard to leave: training starts in it."
        )
        pictures.append(Picture.of("cloud", caption, plot_clouds(clouds)))
    pictures += _plateau(circuit, rng)
    return sentence, Section(f"The circuit {circuit.name}", [sentence, *text], pictures=pictures)


def _plateau(circuit: Circuit, rng: np.random.Generator) -> list[Picture]:
    """Draw the gradient's variance for the whole family of a named edge; a user's own circuit has none."""
    name, options = parse_call("edge", circuit.name) if "(" in circuit.name else (circuit.name, {})
    if name not in EDGES:
        return []
    depths = _EXPONENTIAL if name == "exponential" else _DEPTHS
    wires = _WIRES if name == "entangled" else (circuit.num_wires,)

    def make(width: int, depth: int) -> Circuit:
        shape = {"wires": width} if name == "entangled" else {}
        return edge(name, **{**options, **shape, "depth": depth})

    table = gradient_variances(make, wires, depths, samples=100, rng=rng)
    caption = (
        f"Variance of the gradient over random weights for {name} circuits, 100 settings each."
    )
    return [Picture.of("gradients", caption, plot_gradient_variances(table, wires, depths))]
