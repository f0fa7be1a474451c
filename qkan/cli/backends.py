"""``qkan backends``: where circuits can run on this machine."""

from __future__ import annotations

__all__ = ["backends"]


def backends() -> None:
    """List the backends: what is installed, what works, and if not why."""
    from circuits.backends import backend_table
    from qkan.cli.tables import print_table

    rows = backend_table()
    header = ["name", "installed", "usable", "gradient", "batches", "shots", "noise", "why not"]
    print_table(
        header,
        [
            [
                row.name,
                row.installed,
                row.usable,
                row.gradient,
                row.native_batching,
                row.shots,
                row.noise,
                row.why_not,
            ]
            for row in rows
        ],
    )
