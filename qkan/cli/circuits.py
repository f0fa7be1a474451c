"""``qkan circuits``: the quanvolutional filters by name."""

from __future__ import annotations

__all__ = ["circuits"]


def circuits() -> None:
    """List the filters: wires, outputs, circuits that fix the Fourier series."""
    from circuits import FILTERS, quanvolutional_filter
    from qkan.cli.tables import print_table

    made = [(name, quanvolutional_filter(name)) for name in FILTERS]
    print_table(
        ["name", "wires", "outputs", "nodes", "where it comes from"],
        [[name, c.num_wires, c.num_observables, c.num_nodes, c.reference] for name, c in made],
    )
