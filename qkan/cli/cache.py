"""``qkan cache``: look at, check and clear what was computed before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from qkan.store import Store

__all__ = ["app"]

app = typer.Typer(name="cache", help="Look at, check and clear the cache.", no_args_is_help=True)

CacheDir = Annotated[
    Path | None, typer.Option(help="The cache (QKAN_CACHE, or the platform's).", show_default=False)
]


def _store(cache_dir: Path | None) -> Store:
    from qkan.store import Store

    return Store(cache_dir)


@app.command("ls")
def list_entries(cache_dir: CacheDir = None) -> None:
    """List the results, the newest first."""
    from qkan.cli.tables import print_table

    store = _store(cache_dir)
    entries = store.entries()
    if entries:
        print_table(
            ["key", "kB", "written (UTC)", "what"],
            [
                [e.key[:12], f"{e.size / 1000:,.1f}", f"{e.created:%Y-%m-%d %H:%M}", e.what]
                for e in entries
            ],
        )
    total = sum(entry.size for entry in entries) / 1e6
    typer.echo(f"{len(entries)} results, {total:,.1f} MB, in {store.path}")


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="The first digits of a key.")],
    cache_dir: CacheDir = None,
) -> None:
    """Print what is known of one result."""
    import json

    entry = _store(cache_dir).show(key)
    facts = {"key": entry.key, "file": str(entry.path), "bytes": entry.size}
    facts |= {"written": entry.created.isoformat(timespec="seconds"), "arrays": dict(entry.arrays)}
    typer.echo(json.dumps({**facts, "meta": entry.meta}, indent=2, default=dict))


@app.command()
def verify(cache_dir: CacheDir = None) -> None:
    """Compare every result with its checksum; exit code 1 if one is damaged."""
    entries = _store(cache_dir).verify()
    damaged = [entry for entry in entries if entry.damage]
    for entry in damaged:
        typer.echo(f"damaged: {entry.path}: {entry.damage}")
    typer.echo(f"{len(entries) - len(damaged)} of {len(entries)} results are whole")
    if damaged:
        raise typer.Exit(1)


@app.command()
def clear(
    older_than: Annotated[
        float | None, typer.Option(help="Only what was written so many days ago.", min=0)
    ] = None,
    cache_dir: CacheDir = None,
) -> None:
    """Remove results. Nothing is lost but time."""
    age = None if older_than is None else timedelta(days=older_than)
    removed = _store(cache_dir).clear(age)
    typer.echo(f"removed {len(removed)} results, {sum(e.size for e in removed) / 1e6:,.1f} MB")
