"""What the sweep found: heat maps, lines, and the setting that validation prefers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from qkan.experiments.mnist_task import Images
from qkan.experiments.sinekan_sweep.arms import BASE, Arm
from qkan.experiments.sinekan_sweep.config import Config
from qkan.plotting import Measured, plot_curves, plot_heat_maps, plot_tradeoff
from qkan.studies.report import Picture, Record, Section, Table, percent
from qkan.studies.run import RunFolder
from qkan.studies.statistics import Summary, summarise
from qkan.studies.study import Results

__all__ = ["conclude"]

_PUBLISHED = {16: 0.9618, 32: 0.9767, 64: 0.9819, 128: 0.9851, 256: 0.9854, 512: 0.9860}
_SOURCE = (
    "single runs of E. Reinhardt et al., arXiv:2407.04149, on all of MNIST, the best of 30 epochs "
    "on the test images"
)
_LINES = {"weight decay": "decay", "width": "width", "depth": "depth"}

Grids = Mapping[str, Sequence[Arm]]
Judged = Mapping[str, NDArray[np.float64]]
"""``{arm: best validation accuracy, one a seed}``."""


def conclude(
    config: Config, images: Images, grids: Grids, results: Results, folder: RunFolder
) -> Record:
    """Return the record of the sweep, and draw its figures."""
    values = results.metrics()
    judged = {
        name: curves["val_accuracy"].max(axis=1)
        for name, curves in results.curves("val_accuracy").items()
    }
    arms = {arm.name: arm for grid in grids.values() for arm in grid}
    best = max(judged, key=lambda name: judged[name].mean())
    test = Summary.of(values[best]["test_accuracy"])
    # The test images are looked at for the setting that was chosen, and for no other.
    shown = {
        name: {"val_accuracy": judged[name], "parameters": values[name]["parameters"]}
        for name in judged
    }
    shown[best]["test_accuracy"] = values[best]["test_accuracy"]
    spread = float(np.sqrt(np.mean([seeds.var(ddof=1) for seeds in judged.values()])))
    sentences = [
        f"On {images.chosen_on}, the best of {len(arms)} settings is {_text(arms[best])}: "
        f"{percent(asdict(Summary.of(judged[best])))} % over {config.seeds} seeds; its test accuracy is "
        f"{percent(asdict(test))} %.",
        f"Seeds of one setting spread by {100 * spread:.2f} points, so means that differ by less than about "
        f"{200 * spread * np.sqrt(2 / config.seeds):.1f} points are not told apart.",
    ]
    verdict = {"sentences": sentences, "best": asdict(arms[best]), "seed_sd": spread}
    sections = [
        _grid_section(config, grids["grid"], judged, folder),
        *_line_sections(config, grids, judged, results, folder),
    ]
    published = {
        "source": _SOURCE,
        "widths": {str(width): accuracy for width, accuracy in _PUBLISHED.items()},
    }
    return Record(summarise(shown), verdict, sections, published)


def _grid_section(
    config: Config, grid: Sequence[Arm], judged: Judged, folder: RunFolder
) -> Section:
    rates, gammas, widths = (config.grid(name) for name in ("rates", "gammas", "widths"))
    means = {(float(arm.width), arm.rate, arm.gamma): 100 * judged[arm.name].mean() for arm in grid}
    panels = {
        f"width {width}": np.array([[means[width, r, g] for g in gammas] for r in rates])
        for width in widths
    }
    plot = plot_heat_maps(panels, ("learning rate", rates), ("gamma", gammas), "accuracy / %")
    caption = f"Mean validation accuracy over {config.seeds} seeds; the best setting is framed."
    picture = Picture.save(folder, "grid", caption, plot)
    return Section("Learning rate, gamma and width", [], None, [picture])


def _line_sections(
    config: Config, grids: Grids, judged: Judged, results: Results, folder: RunFolder
) -> list[Section]:
    panels, rows = {}, []
    for what, attribute in _LINES.items():
        points = []
        for arm in grids[what]:
            summary = Summary.of(100 * judged[arm.name])
            x = float(getattr(arm, attribute))
            ends = (summary.mean - summary.sd, summary.mean + summary.sd)
            points.append(Measured(x, summary.mean, *ends))
            quoted = _PUBLISHED.get(arm.width) if what == "width" else None
            rows.append(
                [
                    f"{what} {x:g}",
                    f"{summary.mean:.2f} ± {summary.sd:.2f}",
                    f"{100 * quoted:.2f}" if quoted else "",
                ]
            )
        panels[what] = {"sinekan": points}
    caption = "Validation accuracy: mean and standard deviation over seeds."
    lines = plot_tradeoff(panels, "validation accuracy / %")
    curves = results.curves("train_loss", "val_loss", "val_accuracy")
    by_width = {f"width {arm.width}": curves[arm.name] for arm in grids["width"]}
    text = [
        f"Around the rate {BASE.rate:g} and gamma {BASE.gamma:g}: weight decay and depth at width {BASE.width}. "
        f"Published beside it: {_SOURCE}; another protocol, so not to be held against ours."
    ]
    table = Table(["", "validation accuracy / %", "published test accuracy / %"], rows)
    pictures = [
        Picture.save(folder, "lines", caption, lines),
        Picture.save(folder, "curves", "Training at several widths.", plot_curves(by_width)),
    ]
    return [Section("Weight decay, width and depth", text, table, pictures)]


def _text(arm: Arm) -> str:
    layers = f"{arm.depth} hidden layers of {arm.width}" if arm.depth > 1 else f"width {arm.width}"
    return f"rate {arm.rate:g}, gamma {arm.gamma:g}, weight decay {arm.decay:g}, {layers}"
