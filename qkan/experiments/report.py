"""Reports: the same content as Markdown and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from matplotlib.figure import Figure as Plot

from qkan.experiments.run_folder import RunFolder
from qkan.plotting import render

__all__ = ["Picture", "Report", "Section", "Table", "render_report", "write_report"]


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A figure that was saved as ``figures/NAME.png`` and ``.pdf``, with its caption."""

    name: str
    caption: str
    png: bytes = field(repr=False)

    @classmethod
    def save(cls, folder: RunFolder, name: str, caption: str, plot: Plot) -> Picture:
        """Write the figure in both formats and return it for a report."""
        png = render(plot, "png")
        folder.write(f"figures/{name}.png", png)
        folder.write(f"figures/{name}.pdf", render(plot, "pdf"))
        return cls(name, caption, png)

    @classmethod
    def of(cls, name: str, caption: str, plot: Plot) -> Picture:
        """Return the figure for a report that is a single file."""
        return cls(name, caption, render(plot, "png"))

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Section:
    """A heading with, in this order, text, a table and pictures."""

    title: str
    text: Sequence[str] = ()
    table: Table | None = None
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Report:
    """What a run found.

    Attributes:
        title: One line.
        summary: A few sentences that can stand alone.
        sections: The rest.
        facts: Provenance, name by name.
    """

    title: str
    summary: Sequence[str]
    sections: Sequence[Section]
    facts: dict[str, Any]


def write_report(folder: RunFolder, report: Report) -> None:
    """Write ``report.md`` and ``report.html`` into the folder of a run.

    Args:
        folder: The folder of the run.
        report: What to write.
    """
    for kind in ("md", "html"):
        folder.write(f"report.{kind}", render_report(report, kind))


def render_report(report: Report, kind: str) -> str:
    """Return a report as ``"md"`` or ``"html"``.

    Whatever text it holds (a circuit's name is the user's) is escaped in the HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("qkan.experiments", "templates"),
        autoescape=kind == "html",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"report.{kind}.j2").render(report=report)
