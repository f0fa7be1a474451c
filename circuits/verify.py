"""Is an expectation value the trigonometric polynomial that is claimed? Asked of the values themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pennylane as qml
from pennylane.operation import Channel

from circuits import fourier
from circuits.definition import Circuit
from circuits.errors import CircuitError

__all__ = ["affordable", "direct_values", "find_departure"]

_POINTS = 7
_PERIODS = 5.0
_TOLERANCE = 1e-8
_AMPLITUDES = 2**20

Values = Callable[[np.ndarray], np.ndarray]
Cones = Sequence[Mapping[int, int]]


def find_departure(
    values: Values, cones: Cones, scales: Sequence[float], rng: np.random.Generator
) -> str | None:
    """Compare direct values with the series along each input in turn, the others at random.

    A function that is a trigonometric polynomial of bounded degree in each input, whatever the others
    are, is one in all of them together; so a line along each axis is enough, and cheap.

    Args:
        values: Maps inputs ``(rows, n)`` to expectation values ``(rows, m)``.
        cones: For each observable, the claimed degree of each input; 0 where it is left out.
        scales: The claimed scale of each input.
        rng: Draws the points, over five periods to both sides.

    Returns:
        Where and by how much a value departs from its series, or None.
    """
    lines = []
    for k, (degree, scale) in enumerate(zip(_largest(cones, len(scales)), scales, strict=True)):
        period = 2 * np.pi / scale
        line = np.tile(rng.uniform(-3, 3, len(scales)), (2 * degree + 1 + _POINTS, 1))
        line[: 2 * degree + 1, k] = fourier.nodes([degree], [scale])[:, 0]
        line[2 * degree + 1 :, k] = rng.uniform(-_PERIODS * period, _PERIODS * period, _POINTS)
        lines.append(line)
    direct = values(np.concatenate(lines))
    tolerance = _TOLERANCE * (1 + np.abs(direct).max())
    start = 0
    for k, line in enumerate(lines):
        found = direct[start : start + len(line)]
        start += len(line)
        degree, away = (len(line) - _POINTS) // 2, line[-_POINTS:, k]
        coeffs = fourier.coefficients(found[:-_POINTS], [degree])
        for output, cone in enumerate(cones):
            coeffs[output, 2 * cone.get(k, 0) + 1 :] = 0
        series = fourier.evaluate(coeffs, away[None], [scales[k]]).T
        error = np.abs(series - found[-_POINTS:])
        error[np.isnan(error)] = np.inf
        if error.max() > tolerance or not np.isfinite(tolerance):
            row, output = divmod(int(np.argmax(error)), len(cones))
            return (
                f"along input {k}, at {away[row]:.6g}, observable {output} is "
                f"{found[row - _POINTS, output]:.6g} but its series of degree {cones[output].get(k, 0)} "
                f"and scale {scales[k]:.6g} gives {series[row, output]:.6g}"
            )
    return None


def affordable(circuit: Circuit, cones: Cones) -> bool:
    """Tell whether :func:`find_departure` may be run for good measure: a matter of milliseconds."""
    rows = sum(2 * degree + 1 + _POINTS for degree in _largest(cones, circuit.num_inputs))
    amplitudes: int = 2**circuit.num_wires
    return rows * amplitudes <= _AMPLITUDES


def direct_values(circuit: Circuit, weights: Mapping[str, np.ndarray]) -> Values:
    """Return a circuit's exact expectation values as a function of its inputs.

    Raises:
        CircuitError: When called, if PennyLane cannot run the circuit.
    """

    def values(inputs: np.ndarray) -> np.ndarray:
        gates = circuit.gates(inputs, **weights)
        name = "default.mixed" if any(isinstance(g, Channel) for g in gates) else "default.qubit"
        device = qml.device(name, wires=circuit.num_wires)
        try:
            results = qml.QNode(circuit.qfunc, device, diff_method=None)(inputs, **weights)
        except Exception as error:  # whatever PennyLane or the user's function raises is the reason
            raise CircuitError(
                f"circuit {circuit.name!r} does not run on {name}: {type(error).__name__}: {error}"
            ) from error
        return np.stack(
            [np.broadcast_to(np.real(r), len(inputs)) for r in results], axis=-1
        ).astype(float)

    return values


def _largest(cones: Cones, num_inputs: int) -> list[int]:
    return [max((cone.get(k, 0) for cone in cones), default=0) for k in range(num_inputs)]
