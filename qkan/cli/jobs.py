"""``qkan jobs``: look at the record of jobs on hardware, and forget some."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(name="jobs", help="Look at the record of jobs on hardware.", no_args_is_help=True)


@app.command("ls")
def list_jobs() -> None:
    """List the jobs, the newest first."""
    from circuits.backends.jobs import JobStore
    from qkan.cli.tables import print_table

    store = JobStore()
    jobs = store.jobs()
    if jobs:
        print_table(
            ["key", "job", "device", "rows", "asked (UTC)", "state"],
            [
                [
                    job.key[:12],
                    job.job_id or "not sent",
                    str(job.meta.get("device", "")),
                    str(job.meta.get("rows", "")),
                    job.created[:16].replace("T", " "),
                    "kept"
                    if job.finished
                    else f"{len(job.failures)} failures"
                    if job.failures
                    else "under way",
                ]
                for job in jobs
            ],
        )
    typer.echo(f"{len(jobs)} jobs in {store.path}")


@app.command()
def forget(key: Annotated[str, typer.Argument(help="The first digits of a key.")]) -> None:
    """Remove a job and its result from the record; on the service it stays."""
    from circuits.backends.jobs import JobStore
    from circuits.errors import UsageError

    store = JobStore()
    found = [job for job in store.jobs() if job.key.startswith(key)]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} jobs of {store.path} have a key that begins {key!r}; give one, as qkan jobs ls prints it."
        )
    store.forget(found[0].key)
    typer.echo(f"forgot {found[0].key[:12]} (job {found[0].job_id})")
