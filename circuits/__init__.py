"""Quantum circuits, their backends and their Fourier series. Nothing in here knows of torch models.

The public names are imported when they are first used: ``import circuits`` is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__distribution__ = "hybrid-qkan"
"""Tells this package from the event framework of the same name (see ``qkan._guard``)."""

if TYPE_CHECKING:
    from circuits import backends as backends, filters as filters, fourier as fourier
    from circuits.backends import (
        NOISE_CHANNELS as NOISE_CHANNELS,
        Backend as Backend,
        Noise as Noise,
        backend as backend,
        backend_names as backend_names,
        backend_table as backend_table,
    )
    from circuits.backends.estimator import packed as packed
    from circuits.costs import Cost as Cost, cost as cost
    from circuits.declaration import circuit as circuit
    from circuits.definition import Circuit as Circuit
    from circuits.drawing import draw as draw
    from circuits.edges import EDGES as EDGES, edge as edge
    from circuits.errors import (
        CircuitError as CircuitError,
        MissingExtraError as MissingExtraError,
        UsageError as UsageError,
    )
    from circuits.filters import (
        FILTERS as FILTERS,
        quanvolutional_filter as quanvolutional_filter,
        without_entanglement as without_entanglement,
    )
    from circuits.folding import (
        extrapolate as extrapolate,
        folded as folded,
        zero_noise as zero_noise,
    )
    from circuits.formats import (
        from_qpy as from_qpy,
        to_qasm2 as to_qasm2,
        to_qasm3 as to_qasm3,
        to_qpy as to_qpy,
    )
    from circuits.qiskit import (
        parameter_values as parameter_values,
        qiskit_observables as qiskit_observables,
        to_qiskit as to_qiskit,
    )
    from circuits.series import (
        FourierSeries as FourierSeries,
        node_weights as node_weights,
        sampled_variance as sampled_variance,
        series_from_values as series_from_values,
    )
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
