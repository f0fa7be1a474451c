"""Quantum circuits, their backends and their Fourier series. Nothing in here knows of torch models.

The public names are imported when they are first used: ``import circuits`` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits._lazy import lazy_exports

if TYPE_CHECKING:
    from circuits import backends, filters, fourier
    from circuits.backends import (
        NOISE_CHANNELS,
        Backend,
        Noise,
        backend,
        backend_names,
        backend_table,
    )
    from circuits.backends.estimator import packed
    from circuits.costs import Cost, cost, packing_report
    from circuits.definition import Circuit, circuit
    from circuits.drawing import draw
    from circuits.edges import EDGES, edge
    from circuits.errors import CircuitError, MissingExtraError, UsageError
    from circuits.filters import FILTERS, quanvolutional_filter, without_entanglement
    from circuits.folding import extrapolate, folded, zero_noise
    from circuits.formats import from_qpy, to_qasm2, to_qasm3, to_qpy
    from circuits.qiskit import parameter_values, qiskit_observables, to_qiskit
    from circuits.series import FourierSeries, node_weights, sampled_variance, series_from_values

__all__ = [
    "EDGES",
    "FILTERS",
    "NOISE_CHANNELS",
    "Backend",
    "Circuit",
    "CircuitError",
    "Cost",
    "FourierSeries",
    "MissingExtraError",
    "Noise",
    "UsageError",
    "backend",
    "backend_names",
    "backend_table",
    "backends",
    "circuit",
    "cost",
    "draw",
    "edge",
    "extrapolate",
    "filters",
    "folded",
    "fourier",
    "from_qpy",
    "node_weights",
    "packed",
    "packing_report",
    "parameter_values",
    "qiskit_observables",
    "quanvolutional_filter",
    "sampled_variance",
    "series_from_values",
    "to_qasm2",
    "to_qasm3",
    "to_qiskit",
    "to_qpy",
    "without_entanglement",
    "zero_noise",
]

__distribution__ = "hybrid-qkan"
"""Tells this package from the event framework of the same name (see ``qkan._guard``)."""

__getattr__ = lazy_exports(
    __name__,
    {
        "FILTERS": "circuits.filters",
        "backend_table": "circuits.backends",
        "backend_names": "circuits.backends",
        "backend": "circuits.backends",
        "Noise": "circuits.backends",
        "Backend": "circuits.backends",
        "NOISE_CHANNELS": "circuits.backends",
        "packed": "circuits.backends.estimator",
        "packing_report": "circuits.costs",
        "Circuit": "circuits.definition",
        "CircuitError": "circuits.errors",
        "FourierSeries": "circuits.series",
        "MissingExtraError": "circuits.errors",
        "UsageError": "circuits.errors",
        "backends": "circuits.backends",
        "filters": "circuits.filters",
        "fourier": "circuits.fourier",
        "EDGES": "circuits.edges",
        "edge": "circuits.edges",
        "circuit": "circuits.definition",
        "Cost": "circuits.costs",
        "cost": "circuits.costs",
        "extrapolate": "circuits.folding",
        "folded": "circuits.folding",
        "zero_noise": "circuits.folding",
        "node_weights": "circuits.series",
        "sampled_variance": "circuits.series",
        "draw": "circuits.drawing",
        "quanvolutional_filter": "circuits.filters",
        "series_from_values": "circuits.series",
        "without_entanglement": "circuits.filters",
        "from_qpy": "circuits.formats",
        "parameter_values": "circuits.qiskit",
        "qiskit_observables": "circuits.qiskit",
        "to_qasm2": "circuits.formats",
        "to_qasm3": "circuits.formats",
        "to_qiskit": "circuits.qiskit",
        "to_qpy": "circuits.formats",
    },
)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
