r"""The Fourier spectrum of a circuit, read off its gates.

If input :math:`x_k` enters only as the angle :math:`r\,x_k + \text{const}` of gates whose generators have
eigenvalue differences :math:`\Omega`, every expectation value is a trigonometric polynomial

.. math:: f(x) = \sum_{\omega} c_\omega \exp\Bigl(i \sum_k s_k \omega_k x_k\Bigr), \qquad |\omega_k| \le d_k,

with :math:`s_k` the common unit of all :math:`r\,\Omega` of input k, and :math:`s_k d_k` their sum over the gates
(Schuld, Sweke, Meyer, arXiv:2008.08605). An observable sees only the gates of its light cone: those that
share a wire with it, directly or through later gates. Cones are structural, so they also hold for noise
that follows the gates, whatever algebra would cancel without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pennylane.operation import Operator

from circuits.spelling import spell
from circuits.tape import frequencies

__all__ = ["GateSpectrum", "common_unit", "cone_degrees", "gate_spectra", "probe_points"]

_TOLERANCE = 1e-9
_LARGEST_RATIO = 1024


@dataclass(frozen=True)
class GateSpectrum:
    """How the inputs enter one gate.

    Attributes:
        wires: The wires that the gate acts on.
        frequencies: For each input that enters, the positive frequencies (in 1/input) that it brings.
        problem: Why the frequencies are unknown, or None.
    """

    wires: frozenset[int]
    frequencies: Mapping[int, tuple[float, ...]]
    problem: str | None = None


def probe_points(num_inputs: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of inputs at which an affine dependence shows, shape ``(4 (1 + 2 n), n)``.

    Four base points of different sizes, each followed by two steps along every axis: a longer one, which
    is to one side or the other enough to change the sign, and a shorter one back.
    """
    sizes = (0.5, -2.0, 7.0, -30.0)
    rows = []
    for size in sizes:
        base = rng.uniform(-abs(size), abs(size), num_inputs)
        rows.append(base)
        for step in (0.37 * size, -1.21 * size):
            rows.extend(base + step * np.eye(num_inputs)[k] for k in range(num_inputs))
    return np.stack(rows)


def gate_spectra(
    recordings: Sequence[Sequence[Operator]], points: np.ndarray
) -> list[GateSpectrum] | str:
    """Compare recordings of one circuit at ``points``, each with other weights.

    Args:
        recordings: The elementary gates, recorded with the whole batch of :func:`probe_points`.
        points: Those points, shape ``(rows, num_inputs)``.

    Returns:
        One entry a gate, or the reason why the gates cannot be compared.
    """
    forms = {tuple(spell(gate, angles=False) for gate in gates) for gates in recordings}
    if len(forms) > 1:
        return "the gates change with the weights"
    return [
        _gate_spectrum([gates[index] for gates in recordings], points)
        for index in range(len(recordings[0]))
    ]


def _gate_spectrum(gates: Sequence[Operator], points: np.ndarray) -> GateSpectrum:
    found: dict[int, tuple[float, ...]] = {}
    wires = frozenset(int(wire) for wire in gates[0].wires)
    problem = None
    for position in range(gates[0].num_params):
        slopes = [_slopes(np.asarray(gate.data[position]), points) for gate in gates]
        moving = [k for k in range(points.shape[1]) if any(np.any(s[k] != 0) for s in slopes)]
        for k in moving:
            rates = np.concatenate([s[k].reshape(-1) for s in slopes])
            scale = np.abs(rates).max()
            known = frequencies(gates[0])
            if known is None or np.ndim(gates[0].data[position]) > 1 or np.any(rates.imag):
                problem = f"input {k} is not the angle of a rotation in {gates[0].name} on wires {sorted(wires)}"
            elif np.ptp(rates) > _TOLERANCE * max(scale, 1.0):
                within = any(np.ptp(s[k]) > _TOLERANCE * max(scale, 1.0) for s in slopes)
                how = (
                    "does not depend on it linearly"
                    if within
                    else "depends on it at a rate set by the weights"
                )
                problem = f"the angle of {gates[0].name} on wires {sorted(wires)} {how} (input {k})"
            else:
                rate = float(np.median(np.abs(rates)))
                more = tuple(rate * frequency for frequency in known[position])
                found[k] = (*_sums(found.get(k, ()), more),)
            found.setdefault(k, ())
    return GateSpectrum(wires, found, problem)


def _slopes(values: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Finite differences of one gate parameter along each input, over all base points and steps."""
    rows, inputs = points.shape
    if values.ndim == 0 or values.shape[0] != rows:
        return [np.zeros(1) for _ in range(inputs)]
    block = 1 + 2 * inputs
    slopes: list[list[np.ndarray]] = [[] for _ in range(inputs)]
    for start in range(0, rows, block):
        for offset in range(1, block):
            k = (offset - 1) % inputs
            step = points[start + offset, k] - points[start, k]
            change = (values[start + offset] - values[start]) / step
            noise = _TOLERANCE * (1.0 + np.abs(values[start]).max()) / abs(step)
            slopes[k].append(np.where(np.abs(change) < noise, 0.0, change))
    return [np.stack(list(changes)) for changes in slopes]


def _sums(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    """Positive frequencies of two parameters of one gate that the same input moves."""
    if not first or not second:
        return first or second
    signed = [[0.0, *values, *(-v for v in values)] for values in (first, second)]
    return tuple(sorted({abs(a + b) for a in signed[0] for b in signed[1]} - {0.0}))


def common_unit(values: Sequence[float]) -> float | None:
    """Return the largest unit of which all ``values`` are multiples, or None if there is none.

    Example:
        >>> common_unit([0.5, 1.0, 4.5])
        0.5
        >>> common_unit([1.0, 3.14159265]) is None
        True
    """
    smallest = min(values)
    for divisor in range(1, _LARGEST_RATIO + 1):
        ratios = np.asarray(values) * divisor / smallest
        if np.all(np.abs(ratios - np.round(ratios)) < _TOLERANCE * ratios):
            return smallest / divisor
        if ratios.max() > _LARGEST_RATIO:
            return None
    return None


def cone_degrees(
    gates: Sequence[GateSpectrum], wires: Sequence[int], scales: Sequence[float]
) -> dict[int, int]:
    """Return the Fourier degree of each input that an observable on ``wires`` can see.

    Walks back from the observable; a gate that touches the cone joins all its wires to it.
    """
    cone = frozenset(wires)
    totals: dict[int, float] = {}
    for gate in reversed(gates):
        if gate.wires & cone:
            cone |= gate.wires
            for k, values in gate.frequencies.items():
                totals[k] = totals.get(k, 0.0) + max(values, default=0.0)
    return {k: round(total / scales[k]) for k, total in totals.items()}
