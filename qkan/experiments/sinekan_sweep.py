"""SineKAN's learning rate, its decay, weight decay, width and depth on MNIST, on grids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.config import at_least, positive_numbers, setting
from qkan.experiments.mnist_task import Digits, Images, survivors, train_on_mnist
from qkan.experiments.mnist_task import arm as settings_of
from qkan.plotting import Measured, plot_curves, plot_heat_maps, plot_tradeoff
from qkan.studies.report import Picture, Record, Section, Table, percent
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import Summary, summarise
from qkan.studies.study import Results, Study

__all__ = ["BASE", "Arm", "Config", "arms_of", "run"]

_GRIDS = {
    "rates": ("1e-4,2e-4,5e-4", "1e-4,2e-4,3e-4,4e-4,5e-4"),
    "gammas": ("0.7,0.8,0.9", "0.7,0.8,0.9"),
    "widths": ("64,128", "64,128,256"),
    "decays": ("0.01,0.1,1", "0.01,0.03,0.1,0.3,1"),
    "line": ("16,64,256", "16,32,64,128,256,512"),
    "depths": ("1,2,3", "1,2,3,4"),
}
"""The reduced grids, and the published ones."""
_PUBLISHED = {16: 0.9618, 32: 0.9767, 64: 0.9819, 128: 0.9851, 256: 0.9854, 512: 0.9860}
_SOURCE = "single runs of E. Reinhardt et al., arXiv:2407.04149, all of MNIST, the best of 30 epochs on the test images"

Judged = Mapping[str, NDArray[np.float64]]
"""``{arm: best validation accuracy, one a seed}``."""


@dataclass(frozen=True)
class Config(Digits):
    """The settings of one run. Grids are numbers separated by commas.

    Raises:
        UsageError: If a number is out of range.
    """

    seeds: int = setting(2, "How many seeds.")
    epochs: int = setting(5, "Passes over the training images.")
    whole: bool = setting(False, "The published grids instead of reduced ones.")
    rates: str | None = setting(None, "Learning rates of the grid (1e-4 to 5e-4).")
    gammas: str | None = setting(None, "Their factors from epoch to epoch (0.7 to 0.9).")
    widths: str | None = setting(None, "Hidden widths of the grid (64, 128; whole: also 256).")
    decays: str | None = setting(None, "Weight decays, at width 64 (0.01 to 1).")
    line: str | None = setting(None, "Widths at one learning rate (16 to 256; whole: to 512).")
    depths: str | None = setting(None, "Hidden layers of width 64 (1 to 3; whole: to 4).")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, seeds=2)
        for name in _GRIDS:
            self.grid(name)

    def settled(self) -> Config:
        """Return the same with every grid filled in.

        Example:
            >>> Config(whole=True).settled().line
            '16,32,64,128,256,512'
        """
        grids: dict[str, Any] = {
            name: getattr(self, name) or both[self.whole] for name, both in _GRIDS.items()
        }
        return replace(super().settled(), **grids)

    def grid(self, name: str) -> tuple[float, ...]:
        """Return the numbers of a grid, none if it is not filled in.

        Raises:
            UsageError: If one is no number, not positive, or not whole where widths and depths are asked for.
        """
        text = getattr(self, name)
        if text is None:
            return ()
        numbers = positive_numbers(name, text)
        if name in {"widths", "line", "depths"} and not all(n.is_integer() for n in numbers):
            raise UsageError(f"expected {name} to be whole numbers, got {text!r}")
        return numbers


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
        many = f"{self.depth} hidden layers of {self.width}"
        layers = f"width {self.width}" if self.depth == 1 else many
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

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.
    """
    places, config = places or Places(), config.settled()
    images = config.images("symmetric", places.data_dir)
    grids = arms_of(config)
    every = {arm.name: arm for grid in grids.values() for arm in grid}
    return Study(
        "sinekan-sweep",
        "SineKAN's settings on MNIST",
        config,
        {name: arm.settings(config.epochs, images) for name, arm in every.items()},
        config.seeds,
        partial(train_on_mnist, data_dir=places.data_dir),
        partial(conclude, config, images, grids, every),
        {"data": images.facts},
    ).run(places)


def conclude(
    config: Config,
    images: Images,
    grids: Mapping[str, Sequence[Arm]],
    every: Mapping[str, Arm],
    results: Results,
    folder: RunFolder,
) -> Record:
    """Return the record: heat maps, lines, and the setting that validation prefers."""
    results, lost = survivors(results)
    every = {name: every[name] for name in results.runs}
    grids = {name: [arm for arm in grid if arm.name in every] for name, grid in grids.items()}
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
    apart, highest = 2 * spread * math.sqrt(2 / config.seeds), judged[best].mean()
    near = sum(bool(seeds.mean() > highest - apart) for seeds in judged.values()) - 1
    sentences = [
        f"On {images.chosen_on}, the best of {len(every)} settings is {every[best].in_words()}: "
        f"{percent(summary[best]['val_accuracy'])} % over {config.seeds} seeds; its test accuracy is "
        f"{percent(summary[best]['test_accuracy'])} %.",
        f"Seeds of one setting spread by {100 * spread:.2f} points, so means that differ by less than about "
        f"{100 * apart:.1f} points are not told apart: "
        f"{near} of the others from the best, whose own mean is the highest of {len(every)} and so too high.",
        *lost,
    ]
    verdict = {"sentences": sentences, "best": asdict(every[best]), "seed_sd": spread}
    rates, gammas, widths = (config.grid(name) for name in ("rates", "gammas", "widths"))
    panels = {
        f"width {width:g}": np.array(
            [[_percent(judged, Arm(r, g, int(width))) for g in gammas] for r in rates]
        )
        for width in widths
    }
    plot = plot_heat_maps(panels, ("learning rate", rates), ("gamma", gammas), "accuracy / %")
    caption = f"Mean validation accuracy over {config.seeds} seeds; the best setting is framed."
    picture = Picture.save(folder, "grid", caption, plot)
    by_width = plot_curves({f"width {arm.width}": curves[arm.name] for arm in grids["width"]})
    shown_widths = Picture.save(folder, "curves", "Training at several widths.", by_width)
    sections = [
        Section("Learning rate, gamma and width", pictures=[picture]),
        _line_section(grids, judged, shown_widths, folder),
    ]
    published = {"source": _SOURCE, "widths": {str(w): value for w, value in _PUBLISHED.items()}}
    return Record(summary, verdict, sections, published)


def _percent(judged: Judged, arm: Arm) -> float:
    """Return the mean accuracy at a setting, NaN (an empty place) where it diverged."""
    return float(100 * judged[arm.name].mean()) if arm.name in judged else math.nan


def _line_section(
    grids: Mapping[str, Sequence[Arm]], judged: Judged, by_width: Picture, folder: RunFolder
) -> Section:
    panels, rows = {}, []
    for what, attribute in (("weight decay", "decay"), ("width", "width"), ("depth", "depth")):
        points = []
        for arm in grids[what]:
            summary, x = Summary.of(100 * judged[arm.name]), float(getattr(arm, attribute))
            low, high = summary.mean - summary.sd, summary.mean + summary.sd
            points.append(Measured(x, summary.mean, low, high))
            quoted = _PUBLISHED.get(arm.width) if what == "width" else None
            rows.append(
                [
                    f"{what} {x:g}",
                    f"{summary.mean:.2f} ± {summary.sd:.2f}",
                    f"{100 * quoted:.2f}" if quoted else "",
                ]
            )
        panels[what] = {"SineKAN": points}
    text = (
        f"Around the rate {BASE.rate:g} and gamma {BASE.gamma:g}: weight decay and depth at width {BASE.width}. "
        f"Published beside it: {_SOURCE}; another protocol, so not to be held against ours."
    )
    lines = plot_tradeoff(panels, "validation accuracy / %")
    caption = "Validation accuracy: mean and standard deviation over seeds."
    table = Table(["", "validation accuracy / %", "published test accuracy / %"], rows)
    pictures = [Picture.save(folder, "lines", caption, lines), by_width]
    return Section("Weight decay, width and depth", [text], table, pictures)
