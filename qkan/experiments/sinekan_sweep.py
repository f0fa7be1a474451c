"""SineKAN's learning rate, its decay, weight decay, width and depth on MNIST, on grids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError, check_integer
from qkan.config import setting
from qkan.experiments.mnist_task import Images, train_on_mnist
from qkan.experiments.mnist_task import arm as settings_of
from qkan.plotting import Measured, plot_curves, plot_heat_maps, plot_tradeoff
from qkan.studies.report import Picture, Record, Section, Table, percent
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import Summary, summarise
from qkan.studies.study import Results, Study

__all__ = ["BASE", "Arm", "Config", "arms_of", "run"]

_REDUCED = {
    "rates": "1e-4,2e-4,5e-4",
    "gammas": "0.7,0.8,0.9",
    "widths": "64,128",
    "decays": "0.01,0.1,1",
    "line": "16,64,256",
    "depths": "1,2,3",
}
_WHOLE = {
    "rates": "1e-4,2e-4,3e-4,4e-4,5e-4",
    "gammas": "0.7,0.8,0.9",
    "widths": "64,128,256",
    "decays": "0.01,0.03,0.1,0.3,1",
    "line": "16,32,64,128,256,512",
    "depths": "1,2,3,4",
}
_LEAST = {"seeds": 2, "epochs": 1, "train": 2, "validation": 1, "test": 2}
_PUBLISHED = {16: 0.9618, 32: 0.9767, 64: 0.9819, 128: 0.9851, 256: 0.9854, 512: 0.9860}
_SOURCE = "single runs of E. Reinhardt et al., arXiv:2407.04149, all of MNIST, the best of 30 epochs on the test images"
_LINES = {"weight decay": "decay", "width": "width", "depth": "depth"}

Judged = Mapping[str, NDArray[np.float64]]
"""``{arm: best validation accuracy, one a seed}``."""


@dataclass(frozen=True)
class Config:
    """The settings of one run. Grids are numbers separated by commas.

    Raises:
        UsageError: If a number is out of range.
    """

    full: bool = setting(False, "All of MNIST instead of 5,000/1,000 images.")
    whole: bool = setting(False, "The published grids instead of reduced ones.")
    seeds: int = setting(2, "How many seeds.")
    epochs: int = setting(5, "Passes over the training images.")
    rates: str | None = setting(None, "Learning rates of the grid (1e-4 to 5e-4).")
    gammas: str | None = setting(None, "Their factors from epoch to epoch (0.7 to 0.9).")
    widths: str | None = setting(None, "Hidden widths of the grid (64, 128; whole: also 256).")
    decays: str | None = setting(None, "Weight decays, at width 64 (0.01 to 1).")
    line: str | None = setting(None, "Widths at one learning rate (16 to 256; whole: to 512).")
    depths: str | None = setting(None, "Hidden layers of width 64 (1 to 3; whole: to 4).")
    train: int | None = setting(None, "Training images, those for validation included (all).")
    validation: int | None = setting(None, "Of these, how many judge a setting (500; full: 5,000).")
    test: int | None = setting(None, "Test images (all).")

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), least=least)
        for name in _WHOLE:
            text = getattr(self, name)
            if text is not None and min(self.grid(name), default=0) <= 0:
                raise UsageError(f"expected {name} to be positive, got {text!r}")

    def settled(self) -> Config:
        """Return the same with every grid filled in.

        Example:
            >>> Config(whole=True).settled().line
            '16,32,64,128,256,512'
        """
        grids = _WHOLE if self.whole else _REDUCED
        missing: dict[str, Any] = {k: v for k, v in grids.items() if getattr(self, k) is None}
        validation = self.validation or (5_000 if self.full else 500)
        return replace(self, validation=validation, **missing)

    def grid(self, name: str) -> tuple[float, ...]:
        """Return the numbers of a grid.

        Raises:
            UsageError: If they are none, or no whole ones where widths and depths are asked for.
        """
        text = getattr(self, name) or ""
        kind = int if name in {"widths", "line", "depths"} else float
        try:
            return tuple(kind(number) for number in text.split(",") if number.strip())
        except ValueError as error:
            what = "whole numbers" if kind is int else "numbers"
            raise UsageError(
                f"expected {name} to be {what} separated by commas, got {text!r}"
            ) from error


@dataclass(frozen=True)
class Arm:
    """One setting of a SineKAN and its training.

    Attributes:
        rate: The first epoch's learning rate.
        gamma: Its factor from epoch to epoch.
        width: The width of the hidden layers.
        decay: The weight decay.
        depth: The number of hidden layers.
    """

    rate: float = 3e-4
    gamma: float = 0.9
    width: int = 64
    decay: float = 0.01
    depth: int = 1

    @property
    def name(self) -> str:
        """What it is called in ``results.json``."""
        return (
            f"rate_{self.rate:g}_gamma_{self.gamma:g}_width_{self.width}"
            f"_decay_{self.decay:g}_depth_{self.depth}"
        )

    def settings(self, epochs: int, images: Images) -> dict[str, Any]:
        """Return the settings of its tasks."""
        sizes = [784, *[self.width] * self.depth, 10]
        training = {
            "epochs": epochs,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": self.rate,
            "gamma": self.gamma,
            "weight_decay": self.decay,
        }
        return settings_of({"kind": "sinekan", "sizes": sizes, "grid": 8}, training, images)

    def in_words(self) -> str:
        """Return it as the report has it."""
        layers = f"{self.depth} hidden layers of {self.width}"
        if self.depth == 1:
            layers = f"width {self.width}"
        return f"rate {self.rate:g}, gamma {self.gamma:g}, weight decay {self.decay:g}, {layers}"


BASE = Arm()
"""What the lines of weight decays, widths and depths start from: the authors' rate and factor."""


def arms_of(config: Config) -> dict[str, list[Arm]]:
    """Return the settings of each grid; one that lies on several is trained once.

    Example:
        >>> arms = arms_of(Config().settled())
        >>> {name: len(grid) for name, grid in arms.items()}
        {'grid': 18, 'weight decay': 3, 'width': 3, 'depth': 3}
    """
    rates, gammas, widths = (config.grid(name) for name in ("rates", "gammas", "widths"))
    return {
        "grid": [Arm(r, g, int(width)) for width in widths for r in rates for g in gammas],
        "weight decay": [Arm(decay=decay) for decay in config.grid("decays")],
        "width": [Arm(width=int(width)) for width in config.grid("line")],
        "depth": [Arm(depth=int(depth)) for depth in config.grid("depths")],
    }


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Train a SineKAN at every setting of the grids and return the folder with results, figures and reports.

    Settings are judged by validation images; only the best one's test accuracy is reported.

    Args:
        config: What to run.
        places: Where to read and write.

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.
    """
    places, config = places or Places(), config.settled()
    held_back = config.validation or 0
    images = Images.of(
        full=config.full,
        train=None if config.train is None else config.train - held_back,
        validation=held_back,
        test=config.test,
        pixels="symmetric",
        data_dir=places.data_dir,
    )
    grids = arms_of(config)
    every = {arm.name: arm for grid in grids.values() for arm in grid}
    study = Study(
        "sinekan-sweep",
        "SineKAN's settings on MNIST",
        config,
        {name: arm.settings(config.epochs, images) for name, arm in every.items()},
        config.seeds,
        partial(train_on_mnist, data_dir=places.data_dir),
        partial(conclude, config, images, grids, every),
        {"data": images.facts},
    )
    return study.run(places)


def conclude(
    config: Config,
    images: Images,
    grids: Mapping[str, Sequence[Arm]],
    every: Mapping[str, Arm],
    results: Results,
    folder: RunFolder,
) -> Record:
    """Return the record: heat maps, lines, and the setting that validation prefers."""
    values = results.metrics()
    curves = results.curves("train_loss", "val_loss", "val_accuracy")
    judged = {name: each["val_accuracy"].max(axis=1) for name, each in curves.items()}
    best = max(judged, key=lambda name: judged[name].mean())
    # The test images are looked at for the setting that was chosen, and for no other.
    shown = {
        name: {"val_accuracy": judged[name], "parameters": values[name]["parameters"]}
        for name in judged
    }
    shown[best]["test_accuracy"] = values[best]["test_accuracy"]
    summary = summarise(shown)
    spread = float(np.sqrt(np.mean([seeds.var(ddof=1) for seeds in judged.values()])))
    sentences = [
        f"On {images.chosen_on}, the best of {len(every)} settings is {every[best].in_words()}: "
        f"{percent(summary[best]['val_accuracy'])} % over {config.seeds} seeds; its test accuracy is "
        f"{percent(summary[best]['test_accuracy'])} %.",
        f"Seeds of one setting spread by {100 * spread:.2f} points, so means that differ by less than about "
        f"{200 * spread * math.sqrt(2 / config.seeds):.1f} points are not told apart.",
    ]
    verdict = {"sentences": sentences, "best": asdict(every[best]), "seed_sd": spread}
    by_width = {f"width {arm.width}": curves[arm.name] for arm in grids["width"]}
    sections = [
        _grid_section(config, judged, folder),
        _line_section(grids, judged, by_width, folder),
    ]
    widths = {str(width): accuracy for width, accuracy in _PUBLISHED.items()}
    return Record(summary, verdict, sections, {"source": _SOURCE, "widths": widths})


def _grid_section(config: Config, judged: Judged, folder: RunFolder) -> Section:
    rates, gammas, widths = (config.grid(name) for name in ("rates", "gammas", "widths"))
    panels = {
        f"width {width}": np.array(
            [[100 * judged[Arm(r, g, int(width)).name].mean() for g in gammas] for r in rates]
        )
        for width in widths
    }
    plot = plot_heat_maps(panels, ("learning rate", rates), ("gamma", gammas), "accuracy / %")
    caption = f"Mean validation accuracy over {config.seeds} seeds; the best setting is framed."
    picture = Picture.save(folder, "grid", caption, plot)
    return Section("Learning rate, gamma and width", [], None, [picture])


def _line_section(
    grids: Mapping[str, Sequence[Arm]],
    judged: Judged,
    by_width: Mapping[str, Any],
    folder: RunFolder,
) -> Section:
    panels, rows = {}, []
    for what, attribute in _LINES.items():
        points = []
        for arm in grids[what]:
            summary, x = Summary.of(100 * judged[arm.name]), float(getattr(arm, attribute))
            low, high = summary.mean - summary.sd, summary.mean + summary.sd
            points.append(Measured(x, summary.mean, low, high))
            quoted = f"{100 * _PUBLISHED[arm.width]:.2f}" if arm.width in _PUBLISHED else ""
            row = [f"{what} {x:g}", f"{summary.mean:.2f} ± {summary.sd:.2f}"]
            rows.append([*row, quoted if what == "width" else ""])
        panels[what] = {"SineKAN": points}
    text = (
        f"Around the rate {BASE.rate:g} and gamma {BASE.gamma:g}: weight decay and depth at width {BASE.width}. "
        f"Published beside it: {_SOURCE}; another protocol, so not to be held against ours."
    )
    lines = plot_tradeoff(panels, "validation accuracy / %")
    caption = "Validation accuracy: mean and standard deviation over seeds."
    pictures = [
        Picture.save(folder, "lines", caption, lines),
        Picture.save(folder, "curves", "Training at several widths.", plot_curves(by_width)),
    ]
    table = Table(["", "validation accuracy / %", "published test accuracy / %"], rows)
    return Section("Weight decay, width and depth", [text], table, pictures)
