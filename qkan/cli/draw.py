"""``qkan draw NAME``: a picture of a circuit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["draw"]


def draw(
    name: Annotated[str, typer.Argument(help="A filter, as `qkan circuits` lists them.")],
    out: Annotated[Path | None, typer.Option(help="The file, .png or .pdf (NAME.png).")] = None,
) -> None:
    """Draw a circuit into a file."""
    from circuits import quanvolutional_filter
    from circuits.drawing import draw as draw_circuit
    from circuits.errors import UsageError
    from qkan.plotting import render

    path = out or Path(f"{name.replace('/', '-')}.png")
    if path.suffix not in (".png", ".pdf"):
        raise UsageError(f"expected a file that ends in .png or .pdf, got {path}")
    figure = draw_circuit(quanvolutional_filter(name))
    path.write_bytes(render(figure, "pdf" if path.suffix == ".pdf" else "png"))
    typer.echo(path)
