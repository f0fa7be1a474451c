"""What a run found, in words, tables and pictures: ``results.json``, ``report.md`` and one ``report.html``."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jinja2
from matplotlib.figure import Figure as Plot

from qkan.config import as_mapping
from qkan.plotting import render
from qkan.studies.run import RunFolder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "Picture",
    "Record",
    "Report",
    "Section",
    "Table",
    "difference_sentence",
    "interval_text",
    "percent",
    "points",
    "render_report",
    "write_record",
]


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(cls, columns: Mapping[str, Callable[..., object]], items: Iterable[Any]) -> Table:
        """Return a table of one row an item; a mapping's items are given as name and value.

        Args:
            columns: ``{header: what of an item stands there}``.
            items: What the rows are about.

        Example:
            >>> columns = {"arm": lambda arm, of: arm, "loss": lambda arm, of: of["loss"]}
            >>> Table.of(columns, {"kan": {"loss": 0.25}, "mlp": {"loss": 0.5}}).rows
            [['kan', '0.25'], ['mlp', '0.5']]
        """
        given = items.items() if isinstance(items, Mapping) else ((item,) for item in items)
        return cls(
            list(columns), [[str(cell(*item)) for cell in columns.values()] for item in given]
        )


@dataclass(frozen=True)
class Picture:
    """A figure that was saved as ``figures/NAME.png`` and ``.pdf``, with its caption."""

    name: str
    caption: str
    png: bytes = field(repr=False)

    @classmethod
    def save(cls, folder: RunFolder, name: str, caption: str, plot: Plot) -> Picture:
        """Write the figure in both formats and return it for a report; nothing of it in a run without images."""
        if not folder.images:
            return cls(name, caption, b"")
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


def render_report(report: Report, kind: str) -> str:
    """Return a report as ``"md"`` or ``"html"``.

    Whatever text it holds (a circuit's name is the user's) is escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("qkan.studies", "templates"),
        autoescape=kind == "html",
        finalize=_markdown if kind == "md" else None,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"report.{kind}.j2").render(report=report)


def _markdown(value: Any) -> str:
    """Return text as Markdown shows it: no tags, no code, no links, and one cell of a table."""
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(str(value).splitlines()))
    return re.sub(r"([|`]|(?<=\])\()", r"\\\1", text)


@dataclass(frozen=True)
class Record:
    """What a run found.

    Attributes:
        arms: ``{arm: {metric: {"mean", "sd", "n", "values"}}}``; see :func:`summarise`.
        verdict: What follows from them, by name; ``sentences`` says it in words.
        sections: The report, below the sentences.
        published: The numbers that ours are held against.
    """

    arms: Mapping[str, Any]
    verdict: Mapping[str, Any]
    sections: list[Section] = field(repr=False)
    published: Mapping[str, Any] = field(default_factory=dict)


def write_record(
    folder: RunFolder,
    record: Record,
    *,
    experiment: str,
    title: str,
    config: DataclassInstance,
    facts: Mapping[str, Any],
    lines: Iterable[Mapping[str, Any]],
    started: float,
) -> None:
    """Write ``metrics.jsonl``, ``report.md``, ``report.html`` and, last, ``results.json``.

    Args:
        folder: The folder of the run.
        record: What it found.
        experiment: Its name.
        title: The report's.
        config: Its settings, all filled in.
        facts: Its provenance.
        lines: One mapping for every arm, seed and epoch.
        started: When it was started, by ``time.monotonic()``.
    """
    facts = {**facts, "duration_s": round(time.monotonic() - started, 1)}
    head = {"experiment": experiment, "config": as_mapping(config), "provenance": facts}
    text = (json.dumps(line, allow_nan=False) + "\n" for line in lines)
    folder.write("metrics.jsonl", "".join(text))
    report = Report(title, record.verdict["sentences"], record.sections, _flat(head))
    for kind in ("md", "html"):
        folder.write(f"report.{kind}", render_report(report, kind))
    body = {"arms": record.arms, "published": record.published, "verdict": record.verdict}
    # Last, for it says that the run is complete.
    folder.write_json("results.json", head | body)


def _flat(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return configuration and provenance as one table for the report."""
    rows: dict[str, Any] = {f"config: {k}": v for k, v in head["config"].items()}
    for name, value in head["provenance"].items():
        if isinstance(value, dict):
            rows[name] = ", ".join(f"{k} {v}" for k, v in value.items() if v not in (None, ""))
        elif isinstance(value, list):
            rows[name] = f"{value[0]} to {value[-1]}"
        else:
            rows[name] = value
    return rows


def percent(summary: Mapping[str, float], digits: int = 2) -> str:
    """Return the mean and the standard deviation over seeds of a share, in percent.

    Example:
        >>> percent({"mean": 0.9712, "sd": 0.0011})
        '97.12 ± 0.11'
    """
    return f"{100 * summary['mean']:.{digits}f} ± {100 * summary['sd']:.{digits}f}"


def points(interval: Mapping[str, float], digits: int = 2) -> str:
    """Return a difference of shares with its interval, in percentage points.

    Example:
        >>> points({"estimate": 0.01, "low": -0.002, "high": 0.022})
        '+1.00 [-0.20, +2.20]'
    """
    middle, low, high = (
        f"{100 * interval[name]:+.{digits}f}" for name in ("estimate", "low", "high")
    )
    return f"{middle} [{low}, {high}]"


def difference_sentence(
    what: str, against: str, difference: Mapping[str, float], seeds: int, images: int
) -> str:
    """Return what one arm brings over another, given the interval of the accuracy's difference.

    Example:
        >>> interval = {"estimate": -0.003, "low": -0.012, "high": 0.006, "level": 0.95}
        >>> print(difference_sentence("It", "raw pixels", interval, seeds=30, images=30))
        It brings nothing measurable over raw pixels here: on the same 30 images, over 30 seeds, the
        accuracy changes by -0.3 points, 95 % interval [-1.2, +0.6].
    """
    if difference["low"] > 0:
        verdict = f"{what} is better than {against} here"
    elif difference["high"] < 0:
        verdict = f"{what} is worse than {against} here"
    else:
        verdict = f"{what} brings nothing measurable over {against} here"
    return (
        f"{verdict}: on the same {images:,} images, over {seeds} seeds, the accuracy changes by "
        f"{interval_text(difference, 100, 1, ' points, ')}."
    )


def interval_text(
    interval: Mapping[str, float], scale: float = 1, digits: int = 4, between: str = " "
) -> str:
    """Return an estimate with its interval, signs shown.

    Example:
        >>> interval_text({"estimate": 0.5, "low": -1.0, "high": 2.0, "level": 0.95}, digits=1)
        '+0.5 95 % interval [-1.0, +2.0]'
    """
    middle, low, high = (
        f"{scale * interval[name]:+.{digits}f}" for name in ("estimate", "low", "high")
    )
    return f"{middle}{between}{100 * interval['level']:g} % interval [{low}, {high}]"
