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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pennylane as qml
from pennylane.operation import Channel, Operator

from circuits import fourier
from circuits.definition import Circuit, Spectrum
from circuits.errors import CircuitError
from circuits.gates import GateTable, Parameter
from circuits.symbols import Form
from circuits.tape import frequencies

__all__ = [
    "GateSpectrum",
    "affordable",
    "common_unit",
    "cone_degrees",
    "direct_spectrum",
    "direct_values",
    "find_departure",
    "gate_spectra",
    "resolve_spectrum",
]

_TOLERANCE = 1e-9
_LARGEST_RATIO = 1024
_MARKERS = frozenset({"Barrier", "Snapshot", "WireCut"})
_RATES = frozenset({"a product", "a quotient", "a rate set by the weights"})


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


def gate_spectra(table: GateTable) -> list[GateSpectrum]:
    """Return how the inputs enter each gate of a table."""
    entries: list[list[Parameter]] = [[] for _ in table.gates]
    for parameter in table.parameters:
        entries[parameter.gate].append(parameter)
    return [
        _gate_spectrum(gate, of_gate, table.num_inputs)
        for gate, of_gate in zip(table.gates, entries, strict=True)
    ]


def _gate_spectrum(
    gate: Operator, parameters: Sequence[Parameter], num_inputs: int
) -> GateSpectrum:
    # Markers are no gates: what they stand on does not meet there.
    wires = frozenset() if gate.name in _MARKERS else frozenset(int(wire) for wire in gate.wires)
    found: dict[int, tuple[float, ...]] = {}
    problem = None
    known = frequencies(gate)
    for parameter in parameters:
        form = parameter.form
        for k in sorted(k for k in form.variables if k < num_inputs):
            found.setdefault(k, ())
            if not parameter.angle or known is None:
                problem = f"input {k} is not the angle of a rotation in {gate.name} on wires {sorted(wires)}"
            elif k in form.bent:
                problem = problem or _bent(gate, form, k, num_inputs)
            else:
                rate = abs(form.rates[k])
                more = tuple(rate * frequency for frequency in known[parameter.index])
                found[k] = _sums(found[k], more)
    return GateSpectrum(wires, found, problem)


def _bent(gate: Operator, form: Form, k: int, num_inputs: int) -> str:
    by_weight = max(form.bent) >= num_inputs and sum(j < num_inputs for j in form.bent) == 1
    if by_weight and form.reason in _RATES:
        how = "depends on it at a rate set by the weights"
    else:
        how = "does not depend on it linearly"
    return f"the angle of {gate.name} on wires {gate.wires.tolist()} {how} (input {k})"


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


def resolve_spectrum(
    made: Circuit,
    table: GateTable,
    degrees: tuple[int, ...] | None,
    scales: tuple[float, ...] | None,
    draws: Sequence[Mapping[str, np.ndarray]],
) -> Spectrum:
    """Return the verified spectrum of a circuit.

    Direct values are compared with the series in any case, unless the gates vouch for it and the circuit is
    too wide to be simulated in passing.

    Args:
        made: The circuit, its spectrum still empty.
        table: Its gates.
        degrees: The declared degrees, or None to compute them.
        scales: The declared scales, or None to compute them.
        draws: Weights at which values are compared: the first, or all if the gates do not vouch.

    Raises:
        CircuitError: If a declaration is wrong.
    """
    gates, units, problem = _read(table)
    declared = degrees is not None or scales is not None
    if not declared and problem is not None:
        return direct_spectrum(made, problem)
    scales = units if scales is None else scales
    vouching = gates is not None and problem is None and _multiples(gates, scales)
    reach: tuple[int, ...] | None = None
    if vouching and gates is not None:
        bound = cone_degrees(gates, range(made.num_wires), scales)
        reach = tuple(bound.get(k, 0) for k in range(made.num_inputs))
    if degrees is None and reach is None:
        raise CircuitError(
            f"circuit {made.name!r} has no series of scale {scales}: "
            f"{problem or f'the units of its frequencies are {units}'}. "
            "Leave the scale out to have it computed."
        )
    degrees = degrees if degrees is not None else reach or ()
    cones = _cones(made, gates, degrees, scales, by_gates=vouching)
    vouched = reach is not None and all(r <= d for r, d in zip(reach, degrees, strict=True))
    departure = None
    if not vouched or affordable(made, cones):
        rng = np.random.default_rng(_SEED)
        sizes = [observable_size(observable) for observable in made.observables]
        found = (
            find_departure(direct_values(made, draw), cones, scales, rng, sizes)
            for draw in (draws[:1] if vouched else draws)
        )
        departure = next((text for text in found if text is not None), None)
    if departure is None:
        noisy = None
        if reach is None:
            noisy = direct_spectrum(made, "its declared degrees were verified without noise only")
        elif not vouched:  # noise between the gates does not leave alone what cancels without it
            noisy = Spectrum(reach, scales, _cones(made, gates, reach, scales, by_gates=True))
        return Spectrum(degrees, scales, cones, with_noise=noisy)
    reason = (
        problem or f"the gates give {f'scales {units}' if reach is None else f'degrees {reach}'}"
    )
    if not declared:
        return direct_spectrum(made, f"{departure}, although {reason}")
    raise CircuitError(
        f"circuit {made.name!r} is not the Fourier series declared: {departure}. Reason: {reason}. "
        "Leave degree and scale out to have them computed, or pass direct_only=True."
    )


def _read(table: GateTable) -> tuple[list[GateSpectrum] | None, tuple[float, ...], str | None]:
    """Return how the inputs enter the gates, the unit of each input's frequencies, and why there is none."""
    ones = (1.0,) * table.num_inputs
    if table.problem is not None:
        return None, ones, table.problem
    gates = gate_spectra(table)
    for gate in gates:
        if gate.problem:
            return gates, ones, gate.problem
    units = []
    for k in range(table.num_inputs):
        values = [value for gate in gates for value in gate.frequencies.get(k, ())]
        unit = common_unit(values) if values else 1.0
        if unit is None:
            several = ", ".join(f"{value:.6g}" for value in sorted(set(values)))
            problem = f"the frequencies of input {k} ({several}) are not multiples of one scale"
            return gates, ones, problem
        units.append(unit)
    return gates, tuple(units), None


def _multiples(gates: Sequence[GateSpectrum], scales: Sequence[float]) -> bool:
    """Whether all frequencies are multiples of these scales."""
    ratios = [
        value / scales[k] for g in gates for k, values in g.frequencies.items() for value in values
    ]
    return all(abs(ratio - round(ratio)) <= _TOLERANCE * max(ratio, 1) for ratio in ratios)


def _cones(
    made: Circuit,
    gates: Sequence[GateSpectrum] | None,
    degrees: tuple[int, ...],
    scales: tuple[float, ...],
    *,
    by_gates: bool,
) -> tuple[Mapping[int, int], ...]:
    """For each observable the degrees of the inputs in its light cone, never above the verified ones."""
    everything = {k: d for k, d in enumerate(degrees) if d}
    if gates is None:
        return (everything,) * made.num_observables
    cones = []
    for observable in made.observables:
        seen = cone_degrees(gates, observable.wires.tolist(), scales)
        limits = seen if by_gates else everything
        cones.append({k: min(limits.get(k, 0), d) for k, d in everything.items() if k in seen})
    return tuple(cones)


def direct_spectrum(made: Circuit, reason: str) -> Spectrum:
    """Return the spectrum of a circuit without a series."""
    return Spectrum((0,) * made.num_inputs, (1.0,) * made.num_inputs, (), reason)


_SEED = 11
_POINTS = 7
_PERIODS = 5.0
_VALUE_TOLERANCE = 1e-8
_AMPLITUDES = 2**20

Values = Callable[[np.ndarray], np.ndarray]
Cones = Sequence[Mapping[int, int]]


def find_departure(
    values: Values,
    cones: Cones,
    scales: Sequence[float],
    rng: np.random.Generator,
    sizes: Sequence[float] | None = None,
) -> str | None:
    """Compare direct values with the series along each input in turn, the others at random.

    A function that is a trigonometric polynomial of bounded degree in each input, whatever the others
    are, is one in all of them together; so a line along each axis is enough, and cheap.

    Args:
        values: Maps inputs ``(rows, n)`` to expectation values ``(rows, m)``.
        cones: For each observable, the claimed degree of each input; 0 where it is left out.
        scales: The claimed scale of each input.
        rng: Draws the points, over five periods to both sides.
        sizes: How large each observable may be; by default 1.

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
    largest = np.abs(direct).max(axis=0, initial=0.0)
    tolerance = _VALUE_TOLERANCE * np.maximum(largest, 1.0 if sizes is None else sizes)
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
        wrong = ~(error <= tolerance)
        if wrong.any():
            row, output = divmod(int(np.argmax(np.where(wrong, error, -1.0))), len(cones))
            return (
                f"along input {k}, at {away[row]:.6g}, observable {output} is "
                f"{found[row - _POINTS, output]:.6g} but its series of degree {cones[output].get(k, 0)} "
                f"and scale {scales[k]:.6g} gives {series[row, output]:.6g}"
            )
    return None


def observable_size(observable: Operator) -> float:
    """Return a bound of an observable's values, so that a small one is compared as closely as a large one."""
    words = observable.pauli_rep
    if words is not None:
        return float(sum(abs(factor) for factor in words.values()))
    if isinstance(observable, qml.Projector):
        return 1.0
    with qml.QueuingManager.stop_recording():
        return float(np.linalg.norm(qml.matrix(observable, wire_order=observable.wires), 2))


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
