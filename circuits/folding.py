r"""Zero-noise extrapolation by unitary folding.

A circuit U that is run as :math:`U (U^\dagger U)^n` has the same ideal values and :math:`2 n + 1` times the noise.
Values at several odd scales are extrapolated to scale 0 by a polynomial. It is an estimate, not a correction: what is
not proportional to the number of gates stays (readout errors do), and shot noise grows with the order.

Source: A. Kandala et al., Nature 567, 491 (2019), arXiv:1805.04492; T. Giurgica-Tiron et al., IEEE QCE (2020), 306,
arXiv:2005.10921, whose global folding at odd scales this is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pennylane as qml
from pennylane.operation import StatePrepBase

from circuits.errors import CircuitError, UsageError, check_integer

if TYPE_CHECKING:
    from circuits.backends.base import Backend
    from circuits.definition import Circuit

__all__ = ["extrapolate", "folded", "zero_noise"]


def folded(circuit: Circuit, scale: int) -> Circuit:
    r"""Return a circuit with the same ideal values and ``scale`` times the gates.

    It has the same spectrum, so layers and backends take it as they take the circuit. Barriers keep a compiler from
    cancelling what is folded, as it would what ``qml.noise.fold_global`` folds.

    Args:
        circuit: The circuit; the states that it begins with are prepared once.
        scale: 1, 3, 5, ...

    Raises:
        UsageError: If the scale is not an odd positive integer.
        CircuitError: If a gate has no inverse.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> demo = quanvolutional_filter("demo")
        >>> len(demo.gates(demo.plan.inputs[0], **demo.defaults)), folded(demo, 3).num_nodes
        (9, 9)
    """
    if check_integer("scale", scale) % 2 == 0:
        raise UsageError(f"a scale of the noise is an odd positive integer, got {scale!r}")
    if scale == 1:
        return circuit
    return replace(
        circuit,
        name=f"{circuit.name}/folded-{scale}",
        function=partial(_fold, circuit=circuit, folds=scale // 2),
        convention="last",
        grow=None,
    )


def _fold(inputs: Any, *, circuit: Circuit, folds: int, **weights: Any) -> None:
    """Queue the gates, then their inverse and themselves ``folds`` times."""
    gates = circuit.gates(inputs, **weights)
    preparations = list(takewhile(lambda gate: isinstance(gate, StatePrepBase), gates))
    rest = gates[len(preparations) :]
    try:
        with qml.QueuingManager.stop_recording():
            inverse = [qml.adjoint(gate, lazy=False) for gate in reversed(rest)]
    except qml.exceptions.AdjointUndefinedError as error:
        raise CircuitError(f"circuit {circuit.name!r} cannot be folded: {error}") from error
    with qml.QueuingManager.stop_recording():
        barrier = qml.Barrier(range(circuit.num_wires))
    for gate in [*gates, *[barrier, *inverse, barrier, *rest] * folds]:
        qml.apply(gate)


def zero_noise(
    backend: Backend,
    circuit: Circuit,
    inputs: npt.ArrayLike,
    weights: Mapping[str, npt.ArrayLike] | None = None,
    *,
    scales: Sequence[int] = (1, 3, 5),
    order: int = 1,
) -> npt.NDArray[np.float64]:
    """Run a circuit at several scales of the noise and extrapolate to none.

    Shape: inputs (N, num_inputs); result (N, num_observables).

    Args:
        backend: Where; with shots, every scale has samples of its own.
        circuit: What to run.
        inputs: One row for each sample.
        weights: As in ``backend.run``.
        scales: Odd positive integers.
        order: The degree of the polynomial, less than the number of scales.

    Raises:
        UsageError: If a scale is not odd, or there are too few of them for the order.

    Example:
        >>> from circuits import backend, edge
        >>> noisy = backend("default.mixed", noise="depolarizing:0.01")
        >>> weights = {"theta": [0.1, 0.2, 0.3]}
        >>> one = noisy.run(edge("real"), [[0.5]], weights)
        >>> abs(zero_noise(noisy, edge("real"), [[0.5]], weights, order=2)) > abs(one)
        array([[ True]])
    """
    _check(scales, order)  # before anything is run
    values = [
        backend.run(folded(circuit, scale), inputs, weights, stream=stream)
        for stream, scale in enumerate(scales)
    ]
    return extrapolate(scales, values, order)


def extrapolate(
    scales: Sequence[int], values: Sequence[npt.ArrayLike], order: int
) -> npt.NDArray[np.float64]:
    """Return the value at scale 0 of the polynomial that fits best, for each element of arrays of one shape.

    Raises:
        UsageError: If there are too few scales for the order.

    Example:
        >>> extrapolate([1, 3], [[0.9], [0.7]], order=1).round(6)
        array([1.])
    """
    _check(scales, order)
    table = np.asarray(values, dtype=np.float64)
    fit = np.polynomial.polynomial.polyfit(scales, table.reshape(len(table), -1), order)
    return np.asarray(fit[0].reshape(table.shape[1:]))


def _check(scales: Sequence[int], order: int) -> None:
    if len(set(scales)) <= order or order < 0:
        raise UsageError(
            f"a polynomial of degree {order} needs more than {order} different scales, got {list(scales)}"
        )
