"""The published models on MNIST, reproduced one by one: ``qkan reproduce scipy-kan | table-kan | sinekan | cnn | mlp``.

Every published run is trained twice from each seed: on all training images, with the epoch chosen on the test images,
as it was published; and with some of them held back to choose the epoch, the test images used once. To add one, add a
:class:`Reproduction` below and a line in ``EXPERIMENTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from circuits.errors import UsageError, unknown_name
from qkan.config import at_least, setting
from qkan.data import mnist
from qkan.experiments.mnist_task import (
    Digits,
    Images,
    enough,
    network_pictures,
    survivors,
    train_on_mnist,
)
from qkan.experiments.mnist_task import arm as settings_of
from qkan.experiments.notebook_networks import make
from qkan.plotting import plot_curves, plot_seeds
from qkan.studies.report import Picture, Record, Section, Table, percent
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import (
    Values,
    compare_with_published,
    mean_interval,
    ranges_and_marks,
    summarise,
)
from qkan.studies.study import Results, Study, trained

__all__ = ["CNN", "MLP", "SCIPY_KAN", "SINEKAN", "TABLE_KAN", "Config", "Reproduction", "Run"]

BEST_ON_TEST, VALIDATED = "best_on_test", "validated"

PROTOCOLS = {
    BEST_ON_TEST: "the notebook's: trained on all training images, the best epoch on the test images is quoted",
    VALIDATED: "ours: some training images are held back to choose the epoch, the test images are used once",
}
"""The two ways in which an accuracy on the test images comes about."""

_LEVEL = 0.95
_SHOWN = 500
"""Test images that the pictures of the network are drawn from."""


@dataclass(frozen=True)
class Config(Digits):
    """The settings of one run; None takes the published protocol's value, or that of ``DEFAULTS``.

    Example:
        >>> Config(full=True).settled().validation
        5000
    """

    seeds: int = setting(5, "How many seeds.")
    epochs: int | None = setting(None, "Passes over the training images (as published).")
    only: str | None = setting(None, "Only these arms, separated by commas.")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, seeds=2)

    @property
    def is_published_protocol(self) -> bool:
        """Whether the published runs were trained on the same images for as many epochs."""
        return self.full and self.epochs is None and self.train is None and self.test is None


@dataclass(frozen=True)
class Run:
    """One published run.

    Attributes:
        name: What it is called in ``results.json``, where its protocol is added.
        model: The model's configuration.
        training: Settings of :class:`qkan.training.TrainingConfig`.
        published: The accuracy that was quoted for it, 0 to 1, or None.
    """

    name: str
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    published: float | None = None

    @property
    def label(self) -> str:
        """What it is called in the report."""
        return self.name.replace("_", " ")

    def arm(self, protocol: str) -> str:
        """Return what it is called under a protocol."""
        return f"{self.name}_{protocol}"


_Config = Config


@dataclass(frozen=True)
class Reproduction:
    """An experiment: the models of one publication, as it trained them and as we do.

    Attributes:
        name: What the command line calls it.
        title: The report's title.
        source: Where the accuracies come from.
        runs: The published runs.
        pixels: The range of the pixels: 0 to 1, or -1 to 1.
        open: What the publication leaves open, and what ours is.
    """

    name: str
    title: str
    source: str
    runs: tuple[Run, ...]
    pixels: Literal["unit", "symmetric"]
    open: tuple[str, ...] = ()

    Config: ClassVar[type[_Config]] = _Config

    def run(self, config: _Config, places: Places | None = None) -> RunFolder:
        """Reproduce it and return the folder with results, figures and reports.

        Raises:
            UsageError: If a setting, a data set or a folder is not what it should be.
        """
        places, config = places or Places(), config.settled()
        chosen = self.chosen(config)
        images = chosen.images(config, places.data_dir)
        arms = chosen.arms(images)
        return Study(
            self.name,
            self.title,
            config,
            arms,
            config.seeds,
            partial(train_on_mnist, data_dir=places.data_dir),
            partial(conclude, chosen, config, images, arms, places.data_dir),
            {"data": images[VALIDATED].facts},
        ).run(places)

    def chosen(self, config: _Config) -> Reproduction:
        """Return the same with the runs that are asked for, and their epochs.

        Raises:
            UsageError: If there is no such run.
        """
        runs = {run.name: run for run in self.runs}
        names = [n.strip() for n in config.only.split(",")] if config.only else list(runs)
        for name in names:
            if name not in runs:
                raise unknown_name("arm", name, runs)
        more = {} if config.epochs is None else {"epochs": config.epochs}
        picked = [replace(runs[name], training={**runs[name].training, **more}) for name in names]
        return replace(self, runs=tuple(picked))

    def images(self, config: _Config, data_dir: Path | None) -> dict[str, Images]:
        """Return which images each protocol takes."""
        ours = config.images(self.pixels, data_dir)
        all_of_them = replace(ours, train=ours.train + ours.validation, validation=0)
        return {BEST_ON_TEST: all_of_them, VALIDATED: ours}

    def arms(self, images: Mapping[str, Images]) -> dict[str, dict[str, Any]]:
        """Return the settings of every run under every protocol; the first one's weights are kept."""
        return {
            run.arm(protocol): settings_of(
                run.model,
                run.training,
                images[protocol],
                keep_weights=run is self.runs[0] and protocol == VALIDATED,
            )
            for run in self.runs
            for protocol in PROTOCOLS
        }

    @property
    def published(self) -> dict[str, dict[str, float]]:
        """The published accuracies, ``{arm: {metric: value}}``: they were chosen on the test images."""
        return {
            run.arm(BEST_ON_TEST): {"test_accuracy": run.published}
            for run in self.runs
            if run.published is not None
        }


def conclude(
    chosen: Reproduction,
    config: Config,
    images: Mapping[str, Images],
    arms: Mapping[str, Mapping[str, Any]],
    data_dir: Path | None,
    results: Results,
    folder: RunFolder,
) -> Record:
    """Return the record of a reproduction, and draw its figures."""
    results, lost = survivors(results)
    left = [run for run in chosen.runs if {run.arm(p) for p in PROTOCOLS} <= results.runs.keys()]
    if not left:
        raise UsageError(f"no run could be trained under both protocols. {' '.join(lost)}")
    whole, chosen = len(left) == len(chosen.runs), replace(chosen, runs=tuple(left))
    shown_arms = {run.arm(p): results.runs[run.arm(p)] for run in left for p in PROTOCOLS}
    results = replace(results, runs=shown_arms)
    values, summary = results.metrics(), summarise(results.metrics())
    checks = checks_of(chosen, config, images[BEST_ON_TEST], values)
    inside = [check["test_accuracy"]["inside"] for check in checks.values()]
    reproduced = whole and all(inside)
    ours = images[VALIDATED]
    texts = [
        f"{percent(summary[run.arm(VALIDATED)]['test_accuracy'])} % ({run.label})"
        for run in chosen.runs
    ]
    sentences = [
        published_sentence(chosen, images[BEST_ON_TEST], checks, config.seeds, whole=whole),
        f"Under our protocol ({ours.train:,} training images, the epoch chosen on {ours.chosen_on}, the "
        f"{ours.test:,} test images used once) the test accuracy is {', '.join(texts)}.",
        *lost,
    ]
    verdict = {
        "sentences": sentences,
        "comparable": bool(checks),
        "published": checks,
        "reproduced": reproduced if checks and (enough(config.seeds) or not reproduced) else None,
    }
    curves = plot_curves(results.curves("train_loss", "val_loss", "val_accuracy"))
    caption = (
        "Mean and standard deviation over seeds. Validation: the images that choose the epoch; best on test: these are "
        "the test images."
    )
    first = chosen.runs[0].arm(VALIDATED)
    model = trained(arms[first]["model"], results.runs[first][0], make=make)
    digits = mnist(full=ours.full, data_dir=data_dir, download=False)
    shown = network_pictures(model, ours.scaled(digits.test_images[:_SHOWN]), folder)
    network = f"{chosen.runs[0].label}, under our protocol, seed 0."
    sections = [
        _accuracy_section(chosen, values, summary, checks, folder),
        Section("Training", pictures=[Picture.save(folder, "curves", caption, curves)]),
        Section("The network", [network], pictures=shown),
        _cost_section(chosen, values),
        Section("What the publication leaves open", chosen.open),
    ]
    return Record(summary, verdict, sections, {"source": chosen.source, "arms": chosen.published})


def checks_of(
    chosen: Reproduction, config: Config, images: Images, values: Values
) -> dict[str, Any]:
    """Return the comparison of every published accuracy with ours; none, if there is nothing to compare.

    The level is 95 % for all of them together (Bonferroni).
    """
    published = chosen.published
    if not published or not config.is_published_protocol or images.name != "MNIST":
        return {}
    return compare_with_published(values, published, 1 - (1 - _LEVEL) / len(published))


def published_sentence(
    chosen: Reproduction,
    images: Images,
    checks: Mapping[str, Any],
    seeds: int,
    *,
    whole: bool = True,
) -> str:
    """Return whether the published runs are some that our seeds could have given.

    Args:
        chosen: The runs that could be trained.
        images: What the published protocol was followed on.
        checks: See :func:`checks_of`.
        seeds: How many; the interval of a few holds nearly everything.
        whole: Whether none is left out, for a run that diverges reproduces nothing.
    """
    quoted = [run for run in chosen.runs if run.published is not None]
    if not quoted:
        return "Nothing to compare with: no published accuracy of this network is known to us."
    if not checks:
        figures = ", ".join(f"{100 * (run.published or 0):.2f} %" for run in quoted)
        why = "this run took another number of epochs"
        if (images.train, images.test) != (60_000, 10_000):
            why = f"this run took {images.train:,} and {images.test:,}"
        if images.name != "MNIST":
            why = f"this run took {images.name}, not MNIST"
        return (
            f"Not comparable with the published figures: {figures} come from 60,000 training and 10,000 test images, "
            f"{why}. Nothing is said about them here; --full on MNIST runs the published protocol."
        )
    found = {run.label: checks[run.arm(BEST_ON_TEST)]["test_accuracy"] for run in quoted}
    texts = {
        label: f"{label}: published {100 * check['published']:.2f} %, ours "
        f"[{100 * check['low']:.2f}, {100 * check['high']:.2f}]"
        for label, check in found.items()
    }
    outside = [texts[label] for label, check in found.items() if not check["inside"]]
    interval = f"the {100 * _LEVEL:g} % interval for one more run of ours"
    few = f"No verdict, for {seeds} seeds are too few to tell how runs spread"
    if outside:
        return (
            f"{'Not reproduced' if enough(seeds) else few}: {len(outside)} of {len(found)} published accuracies lie "
            f"outside {interval}, joint over all ({'; '.join(outside)})."
        )
    what, which = f"all {len(found)} published accuracies lie", ", joint over all"
    if len(found) == 1:
        what, which = "the published accuracy lies", f" ({next(iter(texts.values()))})"
    verdict = "Reproduced under the notebook's protocol" if whole else "Not reproduced as a whole"
    if not enough(seeds):
        verdict = few
    return f"{verdict}: {what} inside {interval}{which}."


def _accuracy_section(
    chosen: Reproduction,
    values: Values,
    summary: Mapping[str, Any],
    checks: Mapping[str, Any],
    folder: RunFolder,
) -> Section:
    rows = []
    for run in chosen.runs:
        as_published, ours = (run.arm(protocol) for protocol in PROTOCOLS)
        check = checks.get(as_published, {}).get("test_accuracy")
        interval = mean_interval(values[ours]["test_accuracy"])
        rows.append(
            [
                run.label,
                "" if run.published is None else f"{100 * run.published:.2f}",
                percent(summary[as_published]["test_accuracy"]),
                f"[{100 * check['low']:.2f}, {100 * check['high']:.2f}]" if check else "",
                "" if check is None else "inside" if check["inside"] else "OUTSIDE",
                percent(summary[ours]["test_accuracy"]),
                f"[{100 * interval.low:.2f}, {100 * interval.high:.2f}]",
            ]
        )
    header = ["test accuracy / %", "published", "notebook's protocol", "one more run", "", "ours"]
    seeds = summary[chosen.runs[0].arm(VALIDATED)]["test_accuracy"]["n"]
    text = [
        f"Mean ± standard deviation over {seeds} seeds. Two protocols: {'; '.join(PROTOCOLS.values())}. The accuracies "
        "of the first are chosen on the images that they are quoted for, so they are too high as an estimate.",
        f"Published: {chosen.source}.",
    ]
    caption = "Each run: a dot a seed, a line at the mean."
    if checks:
        text.append(
            f"With {seeds} seeds the interval for one more run is what the spread of so few allows: it rules out large "
            "differences only."
        )
        caption += " Diamonds: published; shaded: where one more run of ours would fall."
    accuracy = {arm: {"test_accuracy": v["test_accuracy"]} for arm, v in values.items()}
    plot = plot_seeds(accuracy, *ranges_and_marks(checks))
    picture = Picture.save(folder, "seeds", caption, plot)
    return Section("Accuracy", text, Table([*header, "95 % of the mean"], rows), [picture])


def _cost_section(chosen: Reproduction, values: Values) -> Section:
    metrics = {run.label: values[run.arm(BEST_ON_TEST)] for run in chosen.runs}
    columns: dict[str, Callable[..., object]] = {
        "": lambda label, _: label,
        "trained parameters": lambda _, found: f"{found['parameters'][0]:,.0f}",
        "training / s": lambda _, found: f"{found['train_seconds'].mean():.1f}",
        "inference / µs an image": lambda _, found: f"{found['inference_us'].mean():.1f}",
    }
    text = (
        "CPU time of one thread: of the training with its looks at the accuracy, and of one image in batches of 1,000. "
        "Times from different machines, or from a busy one, are not comparable."
    )
    return Section("Cost", [text], Table.of(columns, metrics))


_NOTEBOOK = "one run of the published notebook, the best epoch on the test images"
_UNIT = "Pixels are taken from 0 to 1."
_SYMMETRIC = "Pixels are taken from -1 to 1, as in the SineKAN authors' notebook."
_DECAY = "Weight decay is torch's default for AdamW, 0.01."
_ADAM = {"batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3}
_ADAMW = {"batch_size": 64, "optimizer": "adamw", "weight_decay": 0.01}


def _sinekan(
    width: int, gamma: float, published: float, rate: float = 2e-4, epochs: int = 5
) -> Run:
    name = f"width_{width}_gamma_{gamma}" + (f"_rate_{rate}" if rate != 2e-4 else "")
    model = {"kind": "sinekan", "sizes": [784, width, 10], "grid": 8}
    training = {**_ADAMW, "epochs": epochs, "learning_rate": rate, "gamma": gamma}
    return Run(name, model, training, published)


SCIPY_KAN = Reproduction(
    "scipy-kan",
    "The SciPy KAN on MNIST",
    _NOTEBOOK,
    (
        Run(
            "scipy_kan",
            {"kind": "scipykan", "sizes": [784, 128, 10], "num_knots": 10, "degree": 3},
            {**_ADAM, "epochs": 60},
            0.9502,
        ),
    ),
    "symmetric",
    (
        "The optimiser, its rate and the batch size are not stated; ours are Adam, 1e-3 and 64.",
        _SYMMETRIC,
        "The spline is drawn from N(0, 1) with the seed, so that seeds differ in their activation function, too.",
    ),
)
TABLE_KAN = Reproduction(
    "table-kan",
    "The table KAN on MNIST",
    _NOTEBOOK + " (352.8 s of training and 20.8 s of evaluation on a GPU)",
    (
        Run(
            "table_kan",
            {"kind": "tablekan", "sizes": [784, 1024, 512, 256, 10]},
            {**_ADAM, "epochs": 10},
            0.8947,
        ),
    ),
    "unit",
    (
        "The optimiser, its rate, the batch size and the knots are not stated; ours are Adam, 1e-3, 64 and the knots "
        "of the first network.",
        _UNIT,
        "No gradient passes a look-up: as the layer is described, all but the last table's splines and the dense "
        "layer stay as they were drawn.",
    ),
)
SINEKAN = Reproduction(
    "sinekan",
    "SineKAN on MNIST",
    _NOTEBOOK,
    (
        _sinekan(64, 0.8, 0.9651),
        _sinekan(128, 0.8, 0.9707),
        _sinekan(256, 0.8, 0.9739),
        _sinekan(64, 0.9, 0.9652),
        _sinekan(128, 0.9, 0.9694),
        _sinekan(128, 0.8, 0.9306, rate=4e-2, epochs=20),
    ),
    "symmetric",
    (
        _DECAY,
        _SYMMETRIC,
        "The notebook's accuracies are means over batches of 64, the last of 16 images; ours are over images.",
    ),
)
CNN = Reproduction(
    "cnn",
    "The convolutional network on MNIST",
    "the published notebook describes the network; no accuracy of it is known to us",
    (Run("cnn", {"kind": "cnn"}, {**_ADAM, "epochs": 10}),),
    "unit",
    ("The batch size is not stated; ours is 64.", _UNIT),
)
_MLP = {16: 0.9183, 32: 0.9557, 64: 0.9682, 128: 0.9797, 256: 0.9822, 512: 0.9842}
MLP = Reproduction(
    "mlp",
    "Multilayer perceptrons on MNIST",
    "single runs of E. Reinhardt et al., arXiv:2407.04149, the best of 30 epochs on the test images",
    tuple(
        Run(
            f"width_{width}",
            {"kind": "mlp", "sizes": [784, width, 10]},
            {**_ADAMW, "epochs": 30, "learning_rate": 8e-4, "gamma": 0.9},
            published,
        )
        for width, published in _MLP.items()
    ),
    "symmetric",
    (
        "The authors searched rate and gamma; ours are 8e-4 and 0.9, which their notebook shows, at every width.",
        _DECAY,
    ),
)
