"""The quanvolution benchmark: a quantum filter on a few images of MNIST, its controls, the published run."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits import Circuit, sampled_variance, series_from_values
from circuits.backends import Backend, backend
from circuits.errors import UsageError
from qkan.config import as_mapping
from qkan.data import MNIST, mnist
from qkan.experiments import quanvolution_full
from qkan.experiments.mnist_task import enough
from qkan.experiments.quanvolution_filter import LABELS, Config, Filter, pixels
from qkan.plotting import plot_curves, plot_seeds
from qkan.plotting.physics import plot_feature_errors
from qkan.plotting.style import METRIC_LABELS
from qkan.studies.report import (
    Picture,
    Record,
    Section,
    Table,
    difference_sentence,
    interval_text,
)
from qkan.studies.run import Places, RunFolder, opened
from qkan.studies.statistics import (
    compare_with_published,
    differences_to,
    prediction_interval,
    ranges_and_marks,
    summarise,
)
from qkan.studies.study import Results, Study

__all__ = ["Config", "run", "train_softmax_heads", "workload"]

NAME = "quanvolution"

PUBLISHED = {
    "quantum": {"train_loss": 0.0266, "val_loss": 0.9855, "val_accuracy": 0.70},
    "classical": {"train_loss": 0.0399, "val_loss": 1.0123, "val_accuracy": 0.70},
}
"""The last epoch of the published single run: with the demo's filter, and on the raw pixels."""

SOURCE = (
    "one run of A. Mari's quanvolution demo for PennyLane, 20 outputs, 60 epochs, after "
    "M. Henderson et al., arXiv:1904.04767"
)

ARMS = ("quantum", "classical", "no_entanglement", "random_features")
"""The filter; the raw pixels; the filter without the gates that join wires; random cosines, drawn anew a seed."""

_METRICS = ("train_loss", "val_loss", "val_accuracy")
_SHOTS = (64, 256, 1024, 4096)
_NOISES = ("depolarizing:0.001", "depolarizing:0.01", "depolarizing:0.05")
_DRAWS = 3
_ROUNDED = 5e-5


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment and return the folder with its results, figures and reports.

    Everything that can be wrong with the settings is found before the folder is made. An
    interrupted run is continued by the same settings with ``Places(resume=FOLDER)``.

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.

    Example:
        >>> run(Config(seeds=5)).summary()  # doctest: +SKIP
    """
    places, config = places or Places(), config.settled()
    if config.full:
        return quanvolution_full.run(config, places)
    chosen = Filter.of(config)
    data, images = _data(config)
    started = time.monotonic()
    with opened(NAME, config, places) as folder:
        where = chosen.backend
        places.progress.say(f"backend {where.name}: {where.reason or 'as asked'}")
        features = {
            arm: chosen.features(circuit, images, places)
            for arm, circuit in _circuits(chosen).items()
        }
        maps = {arm: found.maps for arm, found in features.items()}
        study = Study(
            NAME,
            "Quanvolution on a few images of MNIST",
            config,
            arms_of(chosen, data),
            config.seeds or 0,
            partial(train, chosen=chosen, images=images, data=data, maps=maps),
            partial(conclude, chosen, data, images, maps),
            chosen.facts(data, sum(found.circuits for found in features.values())),
            together=True,
        )
        study.fill(folder, places, started)
    return folder


def workload(config: Config, places: Places) -> list[tuple[Circuit, Backend, int]]:
    """Return every circuit of a run, where it runs, and on how many inputs; caches are not looked at."""
    config = config.settled()
    if config.full:
        return quanvolution_full.workload(config)
    chosen, (_, images) = Filter.of(config), _data(config)

    def count(circuit: Circuit) -> int:
        """Return the nodes, or the patches: distinct ones where equal patches have equal values."""
        layer = chosen.layer(circuit)
        rows = layer.patches(images).flatten(0, -2)
        if layer.quantum_layers[0].choose(len(rows), lambda: rows) == "fourier":
            return circuit.num_nodes
        return len(torch.unique(rows, dim=0)) if chosen.backend.analytic else len(rows)

    return [(each, chosen.backend, count(each)) for each in _circuits(chosen).values()]


def _data(config: Config) -> tuple[MNIST, Tensor]:
    """Return the digits, and their images for training, then for validation."""
    data = mnist(train=config.train, test=config.validation)
    return data, pixels(torch.cat([data.train_images, data.test_images]))


def _circuits(chosen: Filter) -> dict[str, Circuit]:
    return {"quantum": chosen.circuit, "no_entanglement": chosen.control}


def arms_of(chosen: Filter, data: MNIST) -> dict[str, dict[str, Any]]:
    """Return the settings of every arm, with all that changes its numbers."""
    settings = as_mapping(replace(chosen.config, circuit=""))
    of = {"filter": chosen.key, "config": settings, "data": data.sha256}
    return {arm: {"features": arm, "of": of} for arm in ARMS}


def train(
    *,
    seeds: Sequence[int],
    features: str,
    of: object,
    chosen: Filter,
    images: Tensor,
    data: MNIST,
    maps: Mapping[str, Tensor],
) -> dict[str, NDArray[np.float64]]:
    """Train the heads of all seeds on the features of one arm."""
    config, x = chosen.config, images if features == "classical" else maps.get(features)
    if x is None:
        channels = chosen.circuit.num_observables
        x = torch.stack([chosen.cosines(channels, seed)(images) for seed in seeds])
    first, last = x.flatten(-3).float().tensor_split([len(data.train_labels)], dim=-2)
    return train_softmax_heads(
        (first, data.train_labels),
        (last, data.test_labels),
        seeds=seeds,
        epochs=config.epochs or 0,
        batch_size=config.batch_size or 0,
    )


def train_softmax_heads(
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    seeds: Sequence[int],
    classes: int = 20,
    epochs: int = 60,
    batch_size: int = 4,
    learning_rate: float = 1e-3,
) -> dict[str, NDArray[np.float64]]:
    r"""Train one dense softmax layer per seed, all of them in one stacked model.

    .. math:: p_s(c \mid x) = \mathrm{softmax}_c (x W_s + b_s)

    The seeds share nothing: seed :math:`s` draws its Glorot-uniform :math:`W_s` (F by C) and then
    one permutation an epoch from its own generator, the losses are summed over seeds, and Adam works
    element by element. So a seed's history does not depend on which other seeds are trained beside
    it, up to the rounding of the batched products. The last, smaller batch of an epoch is kept.
    The protocol is that of the quanvolution demo: Keras' Adam (epsilon 1e-7) on the cross-entropy.

    Args:
        train: Features and integer labels to learn from.
        validation: Features and labels that are only looked at.
        seeds: One seed per head.
        classes: The number of outputs C; labels are below it.
        epochs: Passes over the training set.
        batch_size: Samples a step.
        learning_rate: Adam's.

    Shape:
        Features: ``(N, F)`` when all seeds see the same, or ``(seeds, N, F)``; labels: ``(N,)``.
        Results: ``(seeds, epochs)``: ``train_loss`` is the running mean over the epoch's batches,
        weighted by their sizes (what Keras prints and the published run quotes); ``val_loss`` and
        ``val_accuracy`` (0 to 1) are taken after the epoch.

    Raises:
        UsageError: If there is nothing to train on, or a label is not below ``classes``.

    Example:
        >>> x, y = torch.eye(3).repeat(4, 1), torch.arange(3).repeat(4)
        >>> history = train_softmax_heads((x, y), (x, y), seeds=range(5), classes=3, epochs=2)
        >>> history["val_loss"].shape
        (5, 2)

    References:
        M. Henderson, S. Shakya, S. Pradhan, T. Cook, "Quanvolutional Neural Networks",
        arXiv:1904.04767; the protocol is A. Mari's demo of it for PennyLane.
        X. Glorot, Y. Bengio, AISTATS 2010; D. Kingma, J. Ba, arXiv:1412.6980.
    """
    (x, y), (x_val, y_val) = train, validation
    if min(len(seeds), epochs, batch_size, len(y), len(y_val)) < 1:
        raise UsageError(
            "expected at least one seed, epoch, training and validation sample, and a batch size "
            f"of 1 or more, got {len(seeds)} seeds, {epochs} epochs, {len(y)} and {len(y_val)} "
            f"samples, batch size {batch_size}"
        )
    if max(int(y.max()), int(y_val.max())) >= classes:
        raise UsageError(f"expected labels below {classes} (the head's outputs), got a larger one")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    heads, shape = len(generators), (x.shape[-1], classes)
    draws = [nn.init.xavier_uniform_(x.new_empty(shape), generator=g) for g in generators]
    weight = torch.stack(draws).requires_grad_()
    bias = x.new_zeros(heads, 1, classes).requires_grad_()
    adam = torch.optim.Adam([weight, bias], lr=learning_rate, eps=1e-7, fused=True)
    each_head = torch.arange(heads)[:, None]
    records: list[Tensor] = []
    for _ in range(epochs):
        order = torch.stack([torch.randperm(len(y), generator=g) for g in generators])
        running = x.new_zeros(heads)
        for start in range(0, len(y), batch_size):
            batch = order[:, start : start + batch_size]
            samples = x[batch] if x.ndim == 2 else x[each_head, batch]
            losses = _cross_entropy(torch.baddbmm(bias, samples, weight), y[batch])
            adam.zero_grad()
            losses.mean(dim=1).sum().backward()  # type: ignore[no-untyped-call]
            adam.step()
            running += losses.detach().sum(dim=1)
        with torch.no_grad():
            logits = torch.baddbmm(bias, x_val.expand(heads, -1, -1), weight)
            val_loss = _cross_entropy(logits, y_val.expand(heads, -1)).mean(dim=1)
            accuracy = (logits.argmax(dim=-1) == y_val).double().mean(dim=1)
        records.append(torch.stack([running.double() / len(y), val_loss.double(), accuracy]))
    return dict(zip(_METRICS, torch.stack(records, dim=-1).numpy(), strict=True))


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of every sample: (S, B, C) and (S, B) to (S, B)."""
    return nn.functional.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")


def conclude(
    chosen: Filter,
    data: MNIST,
    images: Tensor,
    maps: Mapping[str, Tensor],
    results: Results,
    folder: RunFolder,
) -> Record:
    """Return the record of a run, and draw its figures."""
    config, series = chosen.config, chosen.series()
    curves = results.curves(*_METRICS)
    finals = {arm: {m: c[:, -1] for m, c in each.items()} for arm, each in curves.items()}
    arms, differences = summarise(finals), differences_to("classical", finals)
    checks = compare_with_published(finals, PUBLISHED) if config.is_published_protocol else {}
    gain, seeds = differences["quantum"]["val_accuracy"], config.seeds or 0
    verdict: dict[str, Any] = {
        "difference_to_classical": differences,
        "sentences": [
            chosen.sentence(series),
            difference_sentence("It", "the raw pixels", gain, seeds, config.validation or 0),
        ],
    }
    if checks:
        inside = all(check["inside"] for arm in checks.values() for check in arm.values())
        reproduced = inside and chosen.is_published
        verdict |= {
            "published": checks,
            "reproduced": reproduced if enough(seeds) or not inside else None,
        }
        along = along_the_curve(curves)
        verdict["published_curve"] = along
        verdict["sentences"] += [
            published_sentence(checks, seeds, same=chosen.is_published),
            "Along the printed curve, epochs {first} to {last}, {inside} of {of} numbers lie inside the interval for "
            "one more run, 99.5 % for all together.".format(**along),
        ]
    train_images = images[: len(data.train_labels)]
    ours = maps["quantum"][: len(train_images)]
    paired = (
        "Seed k starts every arm from the same generator, so differences are paired; 95 % Student intervals of the "
        "mean, not corrected for their number."
    )
    gains = _table(differences, lambda d: interval_text(d).replace(" 95 % interval", ""))
    sections = [
        _arms_section(config, data, arms, curves, finals, checks, folder),
        _published_section(checks, arms) if checks else None,
        Section("Difference to the raw pixels", [paired], gains),
        chosen.section("The filter", series, train_images[:4], ours[:4], folder),
        noise_section(chosen, train_images, ours, folder),
    ]
    published = {"source": SOURCE, "arms": PUBLISHED} if checks else {}
    return Record(arms, verdict, [section for section in sections if section], published)


def _labelled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {LABELS[arm]: each for arm, each in values.items()}


def _spread(summary: Mapping[str, Any]) -> str:
    return f"{summary['mean']:.4f} ± {summary['sd']:.4f}"


def _table(values: Mapping[str, Any], text: Callable[[Mapping[str, Any]], str]) -> Table:
    """Return a table of one row an arm and one column a metric."""
    metrics = {METRIC_LABELS[m]: (lambda _, each, m=m: text(each[m])) for m in _METRICS}
    return Table.of({"arm": lambda arm, _: LABELS[arm], **metrics}, values)


def _arms_section(
    config: Config,
    data: MNIST,
    arms: Mapping[str, Any],
    curves: Mapping[str, Any],
    finals: Mapping[str, Any],
    checks: Mapping[str, Any],
    folder: RunFolder,
) -> Section:
    error = 100 * math.sqrt(0.7 * 0.3 / len(data.test_labels))
    text = (
        f"Mean ± standard deviation over {config.seeds} seeds after {config.epochs} epochs, "
        f"{len(data.train_labels)} training and {len(data.test_labels)} validation images. Seeds differ in initial "
        "weights and in the order of the images; the images are the same. With other validation images an accuracy of "
        f"70 % would move by ±{error:.0f} points (binomial standard error), which no number of seeds shows."
    )
    caption = "The last epoch: a dot a seed, a line at the mean."
    if checks:
        caption += " Diamonds: the published run; shaded: where one more run would fall in 99.5 % of cases."
    seeds = plot_seeds(*map(_labelled, (finals, *ranges_and_marks(checks))))
    plot = plot_curves(_labelled(curves))
    pictures = [
        Picture.save(folder, "seeds", caption, seeds),
        Picture.save(folder, "curves", "Mean and standard deviation over seeds.", plot),
    ]
    return Section("All arms", [text], _table(arms, _spread), pictures)


def _published_section(checks: Mapping[str, Any], arms: Mapping[str, Any]) -> Section:
    columns: dict[str, Callable[..., object]] = {
        "": lambda key, _: f"{LABELS[key[0]]}, {METRIC_LABELS[key[1]]}",
        "published": lambda _, check: f"{check['published']:.4f}",
        "ours": lambda key, _: _spread(arms[key[0]][key[1]]),
        "99.5 % for one run": lambda _, check: f"[{check['low']:.4f}, {check['high']:.4f}]",
        "verdict": lambda _, check: "inside" if check["inside"] else "OUTSIDE",
    }
    flat = {(arm, m): check for arm, each in checks.items() for m, check in each.items()}
    return Section("The published run", [f"Held against {SOURCE}."], Table.of(columns, flat))


def along_the_curve(curves: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> dict[str, int]:
    """Return how many of the numbers that the published run printed one more run of ours could have given.

    The level is that of all of them together (Bonferroni); they are rounded to four digits.
    """
    text = resources.files("qkan.experiments").joinpath("published.json").read_text("utf-8")
    printed = {
        (arm, metric, int(epoch)): value
        for arm, metrics in json.loads(text)[NAME].items()
        for metric, values in metrics.items()
        for epoch, value in values.items()
    }
    inside, level = 0, 1 - 0.005 / len(printed)
    for (arm, metric, epoch), value in printed.items():
        ours = prediction_interval(curves[arm][metric][:, epoch - 1], level)
        inside += ours.low - _ROUNDED <= value <= ours.high + _ROUNDED
    epochs = [epoch for _, _, epoch in printed]
    return {"first": min(epochs), "last": max(epochs), "inside": inside, "of": len(printed)}


def published_sentence(
    checks: Mapping[str, Mapping[str, Mapping[str, Any]]], seeds: int, *, same: bool = True
) -> str:
    """Return whether the published run is one that our seeds could have given.

    Args:
        checks: For each arm and metric the comparison with the published number.
        seeds: How many; the interval of a few holds nearly everything.
        same: Whether the filter and its backend are the published ones; others reproduce nothing, even
            where the numbers cannot tell.
    """
    flat = [(f"{m} of {arm}", c) for arm, metrics in checks.items() for m, c in metrics.items()]
    outside = [name.replace("_", " ") for name, check in flat if not check["inside"]]
    where = f"the {100 * flat[0][1]['level']:g} % interval for one more run"
    few = f"No verdict, for {seeds} seeds are too few to tell how runs spread"
    if outside:
        return (
            f"{'Not reproduced' if enough(seeds) else few}: {len(outside)} of {len(flat)} published numbers lie "
            f"outside {where} ({', '.join(outside)})."
        )
    verdict = "Reproduced" if enough(seeds) else few
    if not same:
        verdict = "Not told apart from the published run, though this is another filter or backend"
    return f"{verdict}: all {len(flat)} published numbers lie inside {where}."


def noise_section(
    chosen: Filter, images: Tensor, maps: Tensor, folder: RunFolder
) -> Section | None:
    """Return what is said of a run with shots or noise; None for exact runs, and where circuits are paid for."""
    own, circuit = chosen.backend, chosen.circuit
    if own.exact or own.paid or circuit.direct_only is not None:
        return None
    rows = chosen.layer(circuit).patches(images).flatten(0, -2).double().numpy()
    errors, limits, predicted = feature_errors(chosen, rows)
    text = [
        "Where only the nodes of the Fourier series are run, as in the figure, a feature is a sum of their values with "
        "weights whose squares sum to one. Its variance is a weighted mean of theirs, (1 - z²)/shots, and never above "
        "1/shots: as good as direct shots. But all patches share the nodes, so that errors of different patches are "
        "correlated: more images do not average them out, more shots do."
    ]
    series = chosen.series()
    if series is not None:
        ours = maps.movedim(1, -1).reshape(-1, maps.shape[1]).double().numpy()
        root = np.sqrt(np.mean((ours - series(rows)) ** 2))
        text.append(f"In this run the root mean square error of a feature is {root:.4f}.")
    caption = (
        f"Features from {circuit.num_nodes} sampled nodes, {_DRAWS} draws each; dotted: the limit of many shots. "
        "Grey: what shots alone give, from the variances of the nodes."
    )
    figure = plot_feature_errors(np.array(_SHOTS), errors, limits, predicted)
    picture = Picture.save(folder, "noise", caption, figure)
    return Section("Shots and noise", text, pictures=[picture])


def feature_errors(
    chosen: Filter, patches: NDArray[np.float64]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, float], NDArray[np.float64]]:
    """Return the root mean square error of all features, against the exact ones.

    The nodes are run with different shots on backends that differ in what is wrong with them:
    nothing, known channels, and the noise of the run itself.

    Returns:
        For each backend one error a number of shots; for each the error without shots; and what
        sampling alone has, from the variances of the nodes.
    """
    circuit, own = chosen.circuit, chosen.backend
    unique, counts = np.unique(patches, axis=0, return_counts=True)
    share = counts / counts.sum()
    nodes = circuit.plan.inputs
    exact = backend("default.qubit").run(circuit, nodes)
    reference = series_from_values(circuit, exact)(unique)
    places = {"no noise": backend("default.qubit")}
    places |= {noise: backend("default.mixed", noise=noise) for noise in _NOISES}
    if own.noisy:
        name = own.name if own.noise is None else str(own.noise)
        places[name] = backend(own.name, noise=own.noise)

    def error(values: NDArray[np.float64]) -> float:
        """Return the mean square over patches and outputs."""
        squares = (series_from_values(circuit, values)(unique) - reference) ** 2
        return float(share @ squares.mean(axis=1))

    def sampled(where: Backend, shots: int) -> float:
        rerun = backend(where.name, shots=shots, seed=chosen.config.seed, noise=where.noise)
        draws = rerun.run(circuit, np.tile(nodes, (_DRAWS, 1))).reshape(_DRAWS, *exact.shape)
        return float(np.sqrt(np.mean([error(values) for values in draws])))

    errors = {
        n: np.array([sampled(where, shots) for shots in _SHOTS]) for n, where in places.items()
    }
    limits = {n: float(np.sqrt(error(where.run(circuit, nodes)))) for n, where in places.items()}
    variances = sampled_variance(circuit, unique, 1 - exact**2)
    return errors, limits, np.sqrt(share @ variances.mean(axis=1) / np.array(_SHOTS))
