"""The spectrum of a circuit: computed where it is left out, verified where it is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from circuits.arguments import check_degrees, check_scales
from circuits.definition import Circuit
from circuits.errors import CircuitError
from circuits.spectrum import GateSpectrum, common_unit, cone_degrees
from circuits.verify import affordable, direct_values, find_departure

__all__ = ["Spectrum", "resolve_spectrum"]

_SEED = 11


@dataclass(frozen=True)
class Spectrum:
    """What :class:`Circuit` keeps of a spectrum; see its attributes."""

    degrees: tuple[int, ...]
    scales: tuple[float, ...]
    cones: tuple[Mapping[int, int], ...]
    direct_only: str | None = None


@dataclass(frozen=True)
class _Reading:
    """What the gates tell: for each input the unit of its frequencies, or why they tell nothing."""

    gates: list[GateSpectrum]
    units: tuple[float, ...]
    problem: str | None

    def bound(self, scales: Sequence[float], num_wires: int) -> Mapping[int, int] | None:
        """Degrees that the gates can reach, or None if they do not vouch for these scales."""
        if self.problem is not None:
            return None
        for gate in self.gates:
            for k, values in gate.frequencies.items():
                ratios = np.asarray(values) / scales[k]
                if np.any(np.abs(ratios - np.round(ratios)) > 1e-9 * np.maximum(ratios, 1)):
                    return None
        return cone_degrees(self.gates, range(num_wires), scales)


def resolve_spectrum(
    made: Circuit,
    gates: list[GateSpectrum] | str,
    degree: Sequence[float] | None,
    scale: Sequence[float] | None,
    draws: Sequence[Mapping[str, np.ndarray]],
) -> Spectrum:
    """Return the verified spectrum of a circuit.

    Direct values are compared with the series in any case, unless the gates vouch for it and the circuit is
    too wide to be simulated in passing.

    Args:
        made: The circuit, its spectrum still empty.
        gates: The result of :func:`circuits.spectrum.gate_spectra`.
        degree: The declared degrees, or None to compute them.
        scale: The declared scales, or None to compute them.
        draws: Weights at which values are compared: the first, or all if the gates do not vouch.

    Raises:
        CircuitError: If a declaration is malformed or wrong.
    """
    reading = _read(gates, made.num_inputs)
    declared = degree is not None or scale is not None
    if not declared and reading.problem is not None:
        return _direct_only(made, reading.problem)
    scales = reading.units if scale is None else check_scales(scale, made.name)
    bound = reading.bound(scales, made.num_wires)
    if degree is not None:
        degrees = check_degrees(degree, made.name)
    elif bound is not None:
        degrees = tuple(bound.get(k, 0) for k in range(made.num_inputs))
    else:
        raise CircuitError(
            f"circuit {made.name!r} has no series of scale {scales}: "
            f"{reading.problem or f'the units of its frequencies are {reading.units}'}. "
            "Leave the scale out to have it computed."
        )
    cones = _cones(made, reading, gates, degrees, scales, bound)
    vouched = bound is not None and all(reach <= degrees[k] for k, reach in bound.items())
    departure = None
    if not vouched or affordable(made, cones):
        departure = _departure(made, cones, scales, draws[:1] if vouched else draws)
    if departure is None:
        return Spectrum(degrees, scales, cones)
    reason = reading.problem or (
        f"the gates give scales {reading.units}"
        if bound is None
        else f"the gates give degrees {tuple(bound.get(k, 0) for k in range(made.num_inputs))}"
    )
    if not declared:
        return _direct_only(made, f"{departure}, although {reason}")
    raise CircuitError(
        f"circuit {made.name!r} is not the Fourier series declared: {departure}. Reason: {reason}. "
        "Leave degree and scale out to have them computed, or pass direct_only=True."
    )


def _read(gates: list[GateSpectrum] | str, num_inputs: int) -> _Reading:
    ones = (1.0,) * num_inputs
    if isinstance(gates, str):
        return _Reading([], ones, gates)
    for gate in gates:
        if gate.problem:
            return _Reading(gates, ones, gate.problem)
    units = []
    for k in range(num_inputs):
        values = [value for gate in gates for value in gate.frequencies.get(k, ())]
        unit = common_unit(values) if values else 1.0
        if unit is None:
            several = ", ".join(f"{value:.6g}" for value in sorted(set(values)))
            problem = f"the frequencies of input {k} ({several}) are not multiples of one scale"
            return _Reading(gates, ones, problem)
        units.append(unit)
    return _Reading(gates, tuple(units), None)


def _departure(
    made: Circuit,
    cones: Sequence[Mapping[int, int]],
    scales: Sequence[float],
    draws: Sequence[Mapping[str, np.ndarray]],
) -> str | None:
    rng = np.random.default_rng(_SEED)
    for draw in draws:
        departure = find_departure(direct_values(made, draw), cones, scales, rng)
        if departure is not None:
            return departure
    return None


def _cones(
    made: Circuit,
    reading: _Reading,
    gates: list[GateSpectrum] | str,
    degrees: tuple[int, ...],
    scales: tuple[float, ...],
    bound: Mapping[int, int] | None,
) -> tuple[Mapping[int, int], ...]:
    """For each observable the degrees of the inputs in its light cone, never above the verified ones."""
    everything = {k: d for k, d in enumerate(degrees) if d}
    if isinstance(gates, str):
        return (everything,) * made.num_observables
    cones = []
    for observable in made.observables:
        seen = cone_degrees(reading.gates, observable.wires.tolist(), scales)
        limits = seen if bound is not None else everything
        cones.append({k: min(limits.get(k, 0), d) for k, d in everything.items() if k in seen})
    return tuple(cones)


def _direct_only(made: Circuit, reason: str) -> Spectrum:
    return Spectrum((0,) * made.num_inputs, (1.0,) * made.num_inputs, (), reason)
