"""``qkan cache`` and ``qkan jobs``: what was computed before, here and on hardware."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from circuits.errors import UsageError, check_real
from qkan.cli.console import print_table

if TYPE_CHECKING:
    from qkan.store import Store

__all__ = ["cache", "jobs"]

cache = typer.Typer(name="cache", help="Look at, check and clear the cache.", no_args_is_help=True)
jobs = typer.Typer(
    name="jobs", help="Look at the record of jobs on hardware.", no_args_is_help=True
)

_LONGEST = 10**6
"""Days, as long as there is a calendar."""

CacheDir = Annotated[
    Path | None, typer.Option(help="The cache (QKAN_CACHE, or the platform's).", show_default=False)
]


def _store(cache_dir: Path | None) -> Store:
    from qkan.store import Store

    return Store(cache_dir)


@cache.command("ls")
def list_entries(
    cache_dir: CacheDir = None,
    limit: Annotated[int, typer.Option(help="How many lines; 0 for all.", min=0)] = 100,
) -> None:
    """List the results, the newest first."""
    store = _store(cache_dir)
    entries = store.entries()
    shown = entries[: limit or None]
    if shown:
        header = ["key", "kB", "written (UTC)", "what"]
        rows = [
            [e.key[:12], f"{e.size / 1000:,.1f}", f"{e.created:%Y-%m-%d %H:%M}", e.what]
            for e in shown
        ]
        print_table(header, rows)
    total = sum(entry.size for entry in entries) / 1e6
    more = (
        f", {len(entries) - len(shown)} not shown: --limit 0 shows all" if shown != entries else ""
    )
    typer.echo(f"{len(entries)} results, {total:,.1f} MB, in {store.path}{more}")


@cache.command()
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


@cache.command()
def verify(cache_dir: CacheDir = None) -> None:
    """Compare every result with its checksum; exit code 1 if one is damaged."""
    entries = _store(cache_dir).verify()
    damaged = [entry for entry in entries if entry.damage]
    for entry in damaged:
        typer.echo(f"damaged: {entry.path}: {entry.damage}")
    typer.echo(f"{len(entries) - len(damaged)} of {len(entries)} results are whole")
    if damaged:
        raise typer.Exit(1)


@cache.command()
def clear(
    older_than: Annotated[
        float | None, typer.Option(help="Only what was written so many days ago.")
    ] = None,
    cache_dir: CacheDir = None,
) -> None:
    """Remove results. Nothing is lost but time."""
    if older_than is not None:
        older_than = check_real("--older-than", older_than, least=0)
    age = None if older_than is None else timedelta(days=min(older_than, _LONGEST))
    removed = _store(cache_dir).clear(age)
    typer.echo(f"removed {len(removed)} results, {sum(e.size for e in removed) / 1e6:,.1f} MB")


@jobs.command("ls")
def list_jobs() -> None:
    """List the jobs, the newest first."""
    from circuits.backends.jobs import JobStore

    store = JobStore()
    found = store.jobs()
    if found:
        header = ["key", "job", "device", "rows", "asked (UTC)", "state"]
        rows = []
        for job in found:
            failed = f"{len(job.failures)} failures" if job.failures else "under way"
            facts = [str(job.meta.get(name, "")) for name in ("device", "rows")]
            asked = job.created[:16].replace("T", " ")
            state = "kept" if store.finished(job.key) else failed
            rows.append([job.key[:12], job.job_id or "not sent", *facts, asked, state])
        print_table(header, rows)
    typer.echo(f"{len(found)} jobs in {store.path}")


@jobs.command()
def forget(key: Annotated[str, typer.Argument(help="The first digits of a key.")]) -> None:
    """Remove a job and its result from the record; on the service it stays."""
    from circuits.backends.jobs import JobStore

    store = JobStore()
    found = [job for job in store.jobs() if job.key.startswith(key)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} jobs of {store.path} have a key that begins {key!r}; give one, as qkan jobs ls prints it."
        )
    store.forget(found[0].key)
    typer.echo(f"forgot {found[0].key[:12]} (job {found[0].job_id})")
