"""What an experiment's circuits take, as a table, and the question before they are paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from circuits.backends import Backend
    from circuits.costs import Cost
    from qkan.studies.run import Places

__all__ = ["confirm", "costs_of", "print_costs"]


def confirm(module: Any, config: Any, places: Places) -> None:
    """Show what a run takes and ask, if circuits are paid for; else do nothing.

    Raises:
        typer.Abort: If the answer is no.
    """
    from circuits.backends.base import kind_of

    name = getattr(config, "backend", "")
    if not hasattr(module, "workload") or not kind_of(name).paid:
        return
    print_costs(costs_of(module, config, places))
    typer.confirm(f"Run these circuits on {name}?", abort=True, err=True)


def costs_of(module: Any, config: Any, places: Places) -> list[tuple[Backend, Cost]]:
    """Return what each circuit of a run takes; equal ones together."""
    from circuits.costs import cost

    together: dict[str, tuple[Any, Backend, int]] = {}
    for circuit, backend, count in module.workload(config, places):
        before = together.get(circuit.fingerprint, (circuit, backend, 0))[2]
        together[circuit.fingerprint] = (circuit, backend, before + count)
    return [(b, cost(circuit, b, count)) for circuit, b, count in together.values()]


def print_costs(costs: list[tuple[Backend, Cost]]) -> None:
    """Print a row for each circuit, and their sum."""
    from qkan.cli.tables import print_table

    header = [
        "circuit",
        "backend",
        "circuits",
        "bases",
        "shots",
        "PUBs",
        "depth",
        "two-qubit gates",
        "time",
    ]
    rows: list[list[object]] = [
        [
            found.circuit,
            backend.name,
            f"{found.circuits:,}",
            found.bases,
            "exact" if found.shots is None else f"{found.total_shots:,}",
            "" if found.pubs is None else found.pubs,
            found.depth,
            found.two_qubit_gates,
            _time(found.seconds),
        ]
        for backend, found in costs
    ]
    every = [found for _, found in costs]
    shots = sum(found.total_shots for found in every)
    rows.append(
        [
            "all",
            "",
            f"{sum(found.circuits for found in every):,}",
            "",
            f"{shots:,}" if shots else "exact",
            sum(found.pubs or 0 for found in every) or "",
            "",
            "",
            _time(sum(found.seconds for found in every)),
        ]
    )
    print_table(header, rows)


def _time(seconds: float) -> str:
    """Return an estimate in the unit that suits it.

    Example:
        >>> _time(0.02), _time(90), _time(8000)
        ('20 ms', '90.0 s', '2.2 h')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"
