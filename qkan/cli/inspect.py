"""``qkan inspect RUN|CHECKPOINT``: one HTML page about trained models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["inspect"]


def inspect(
    path: Annotated[Path, typer.Argument(help="A model's file, or the folder of a run.")],
    out: Annotated[
        Path | None, typer.Option(help="The page (PATH.html; RUN/inspect.html).")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="Inputs to look with: a .npy file, or mnist; else the layers' domains."),
    ] = None,
) -> None:
    """Show what a model has learnt: its network, edges, formulas, spectra, circuits."""
    from circuits.errors import UsageError
    from qkan.experiments.inspection import inspect_path
    from qkan.studies.run import RunFolder

    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a model's file or the folder of a run")
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder; give the page a name: --out {out / 'inspect.html'}")
    target = out or (path / "inspect.html" if path.is_dir() else path.with_suffix(".html"))
    page = inspect_path(path, None if inputs is None else _read(inputs))
    typer.echo(RunFolder(target.parent).write(target.name, page))


def _read(inputs: str) -> NDArray[np.floating]:
    """Return the rows that are named."""
    import numpy as np

    from circuits.errors import UsageError

    if inputs == "mnist":
        from qkan.data import mnist

        pixels: NDArray[np.floating] = (
            mnist(train=1000, test=1).train_images.flatten(1).numpy() / 255
        )
        return pixels
    try:
        values = np.load(inputs, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"expected a .npy file of inputs, or mnist, got {inputs}: {error}"
        ) from error
    if values.ndim < 2 or not np.issubdtype(values.dtype, np.number):
        raise UsageError(f"expected inputs (N, in_features), got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise UsageError(f"{inputs} holds NaN or infinity")
    rows: NDArray[np.floating] = values.astype(np.float64)
    return rows
