"""Is an expectation value the trigonometric polynomial that is claimed? Asked of the values themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from circuits import fourier

__all__ = ["find_departure"]

_POINTS = 7
_PERIODS = 5.0
_TOLERANCE = 1e-8

Values = Callable[[np.ndarray], np.ndarray]


def find_departure(
    values: Values, degrees: Sequence[int], scales: Sequence[float], rng: np.random.Generator
) -> str | None:
    """Compare direct values with the series along each input in turn, the others at random.

    A function that is a trigonometric polynomial of bounded degree in each input, whatever the others
    are, is one in all of them together; so a line along each axis is enough, and cheap.

    Args:
        values: Maps inputs ``(rows, n)`` to expectation values ``(rows, m)``.
        degrees: The claimed degree of each input.
        scales: The claimed scale of each input.
        rng: Draws the points, over five periods to both sides.

    Returns:
        Where and by how much a value departs from its series, or None.
    """
    for k, (degree, scale) in enumerate(zip(degrees, scales, strict=True)):
        period = 2 * np.pi / scale
        grid = fourier.nodes([degree], [scale])[:, 0]
        away = rng.uniform(-_PERIODS * period, _PERIODS * period, _POINTS)
        line = np.tile(rng.uniform(-3, 3, len(degrees)), (len(grid) + _POINTS, 1))
        line[:, k] = np.concatenate([grid, away])
        direct = values(line)
        series = fourier.evaluate(
            fourier.coefficients(direct[: len(grid)], [degree]), away[None], [scale]
        ).T
        error = np.abs(series - direct[len(grid) :])
        if not error.max() <= _TOLERANCE * (1 + np.abs(direct).max()):
            row, output = np.unravel_index(np.nanargmax(error), error.shape)
            return (
                f"along input {k}, at {away[row]:.6g}, observable {output} is "
                f"{direct[len(grid) + row, output]:.6g} but its series of degree {degree} and scale "
                f"{scale:.6g} gives {series[row, output]:.6g}"
            )
    return None


def direct_values(
    qfunc: Callable[..., object], num_wires: int, weights: Mapping[str, np.ndarray]
) -> Values:
    """Return the exact expectation values of a quantum function as a function of its inputs."""
    import pennylane as qml

    node = qml.QNode(qfunc, qml.device("default.qubit", wires=num_wires), diff_method=None)

    def values(inputs: np.ndarray) -> np.ndarray:
        results = node(inputs, **weights)
        return np.stack(
            [np.broadcast_to(np.real(r), len(inputs)) for r in results], axis=-1
        ).astype(float)

    return values
