"""Functions fitted by quantum KANs, and by other models with as many parameters."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.edges import edge as named_edge
from circuits.errors import UsageError, unknown_name
from qkan.analysis import plot
from qkan.config import at_least, setting
from qkan.data.functions import FUNCTIONS, function
from qkan.models import make
from qkan.plotting import plot_errors, plot_fits
from qkan.studies.report import Picture, Record, Section, Table
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import OPEN, paired_difference, summarise
from qkan.studies.study import Results, Study, trained
from qkan.training import DivergedError, TrainingConfig, fit, predict

__all__ = ["MODELS", "TARGETS", "Config", "arms_of", "run", "size_for", "train_on_function"]

MODELS = {
    "qkan": "QKAN",
    "fourier": "free Fourier coefficients",
    "kan": "B-spline KAN",
    "sinekan": "SineKAN",
    "mlp": "MLP",
}
"""The models and what a reader calls them."""

TARGETS = {"sinc20": 3e-4, "bessel20": 4e-3, "exp-sin": 4e-3}
"""The median test RMSE that a quantum KAN should reach."""

_HIDDEN = 5
"""The quantum KAN's hidden width where a function has more than one variable."""

_HALF_WIDTH = {"qkan": pi / 2, "fourier": pi / 2, "sinekan": pi / 2, "kan": 1.0, "mlp": 1.0}
"""Inputs fill (-half width, half width): half a period of a wave, the domain of a spline."""

_ITERATIONS = 20
"""Between two numbers of the loss curve."""

_GRID = 401
_NETWORK = "exp-sin"
"""The function whose network is drawn."""

Settings = dict[str, Any]
Values = Mapping[str, Mapping[str, Mapping[str, NDArray[np.float64]]]]
"""``{function: {model: {metric: one value a seed}}}``."""


@dataclass(frozen=True)
class Config:
    """The settings of one run.

    Raises:
        UsageError: If a number is too small, or a function unknown.
    """

    seeds: int = setting(5, "How many seeds.")
    functions: str = setting("all", "Which functions, by name, separated by commas; or all.")
    single: str = setting("rpz(depth=6)", "The circuit of the single edge, [1, 1].")
    edge: str = setting("pz(depth=6)", "The circuits on the edges of [n, 5, 1].")
    iterations: int = setting(500, "Iterations of L-BFGS.")
    points: int = setting(1000, "Points to learn from; as many others are tested.")

    def __post_init__(self) -> None:
        at_least(self, seeds=2, iterations=1, points=10)
        for name in self.chosen:
            if name not in FUNCTIONS:
                raise unknown_name("function", name, FUNCTIONS)
        for circuit in (named_edge(self.single), named_edge(self.edge)):
            circuit.require_series()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the functions.

        Example:
            >>> Config(functions="sinc20, I.16.6").chosen
            ('sinc20', 'I.16.6')
        """
        if self.functions == "all":
            return tuple(FUNCTIONS)
        return tuple(name.strip() for name in self.functions.split(","))


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Fit every function by every model from every seed; return the folder of the run.

    Raises:
        UsageError: If a setting or a folder is not what it should be.
    """
    arms, labels = {}, {}
    for name in config.chosen:
        for kind, settings in arms_of(name, config.single, config.edge).items():
            arm = f"{name}: {kind}"
            arms[arm] = {**settings, "iterations": config.iterations, "points": config.points}
            labels[arm] = {"function": name, "model": kind}
    return Study(
        "qkan-functions",
        "Functions fitted by quantum KANs",
        config,
        arms,
        config.seeds,
        train_on_function,
        partial(_conclude, config, arms),
        {"functions": {name: FUNCTIONS[name].source for name in config.chosen}},
        labels,
    ).run(places)


def arms_of(name: str, single: str, edge: str) -> dict[str, Settings]:
    """Return the settings of every model for a function; all but the first adapt their size to the first's parameters.

    A function of one variable is fitted by a single edge, [1, 1], and rivals adapt their resolution; others by
    [n, 5, 1], and rivals adapt their hidden width. A multilayer perceptron has two hidden layers.

    Example:
        >>> arms = arms_of("exp-sin", "rpz(depth=6)", "pz(depth=3)")
        >>> arms["kan"]["model"]["sizes"], arms["mlp"]["model"]["sizes"]
        ([2, 7, 1], [2, 11, 11, 1])
    """
    n = function(name).num_inputs
    circuit, sizes = (single, [1, 1]) if n == 1 else (edge, [n, _HIDDEN, 1])
    models: dict[str, Settings] = {"qkan": {"kind": "qkan", "sizes": sizes, "edge": circuit}}
    budget = parameters_of(models["qkan"])
    for kind, model_of in _rivals(n, named_edge(circuit).degrees[0]).items():
        models[kind] = model_of(size_for(model_of, budget))
    return {
        kind: {"function_name": name, "model": model, "half_width": _HALF_WIDTH[kind]}
        for kind, model in models.items()
    }


def _rivals(n: int, degree: int) -> dict[str, Callable[[int], Settings]]:
    if n == 1:
        return {
            "fourier": lambda size: fourier([1, 1], size),
            "kan": lambda size: {"kind": "kan", "sizes": [1, 1], "grid": size},
            "sinekan": lambda size: {"kind": "sinekan", "sizes": [1, 1], "grid": size},
            "mlp": lambda size: {"kind": "mlp", "sizes": [1, size, 1], "activation": "tanh"},
        }
    return {
        "fourier": lambda width: fourier([n, width, 1], degree),
        "kan": lambda width: {"kind": "kan", "sizes": [n, width, 1]},
        "sinekan": lambda width: {"kind": "sinekan", "sizes": [n, width, 1]},
        "mlp": lambda w: {"kind": "mlp", "sizes": [n, w, w, 1], "activation": "tanh"},
    }


def fourier(sizes: list[int], degree: int) -> Settings:
    """Return the model of free Fourier coefficients, as many harmonics as a circuit of this degree has."""
    return {
        "kind": "kan",
        "sizes": sizes,
        "layers": f"fourier(degree={degree}, base='silu', frequencies='per-input')",
    }


def parameters_of(model: Mapping[str, Any]) -> int:
    """Return how many parameters a model trains."""
    return make(model, generator=torch.Generator()).num_parameters


def size_for(model_of: Callable[[int], Settings], budget: int) -> int:
    """Return the size at which a model has the number of parameters that is closest to ``budget``."""

    def count(size: int) -> int:
        return parameters_of(model_of(size))

    largest = 1
    while count(largest) < budget:  # no model much larger than wanted is ever made
        largest *= 2
    sizes = range(max(largest // 2, 1), largest + 1)
    above = bisect_left(sizes, budget, key=count)
    return min(sizes[max(above - 1, 0) : above + 1], key=lambda size: abs(count(size) - budget))


def train_on_function(
    *,
    seed: int,
    function_name: str,
    model: Mapping[str, Any],
    half_width: float,
    iterations: int,
    points: int,
) -> dict[str, NDArray[Any]]:
    """Fit a model by L-BFGS in float64 to points without noise; test it on as many others.

    Values are fitted at the spread 1 about the mean 0, so that no model starts closer; errors are those of the
    function itself. The seed draws the points, the same for every model, and the initial weights.

    Returns:
        The metrics ``test_rmse``, ``test_error`` (it over the spread of the function), ``train_rmse``, ``parameters``
        and ``train_seconds``; the curve ``train_loss``; the weights of seed 0. ``diverged`` is 1, and there is nothing
        else, if the loss did not stay finite.
    """
    target, rng = function(function_name), np.random.default_rng(seed)
    (x, y), (x_test, y_test) = target.sample(points, rng), target.sample(points, rng)
    mean, spread = y.mean(), y.std()
    net = make(model, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    steps = min(iterations, _ITERATIONS)
    config = TrainingConfig(
        epochs=-(-iterations // steps),
        optimizer="lbfgs",
        batch_size=None,
        max_iter=steps,
        seed=seed,
    )
    data = torch.from_numpy(half_width * x), torch.from_numpy((y - mean) / spread).unsqueeze(1)
    started = time.process_time()
    try:
        history = fit(net, data, config=config, loss="mse")
    except DivergedError:
        return {"diverged": np.array(1)}
    seconds = time.process_time() - started

    def rmse(points: NDArray[np.float64], values: NDArray[np.float64]) -> float:
        found = predict(net, torch.from_numpy(half_width * points))[:, 0].double().numpy()
        return float(np.sqrt(np.mean((spread * found + mean - values) ** 2)))

    test = rmse(x_test, y_test)
    metrics = {
        "diverged": 0,
        "test_rmse": test,
        "test_error": test / y_test.std(),
        "train_rmse": rmse(x, y),
        "parameters": net.num_parameters,
        "train_seconds": seconds,
    }
    results = {name: np.array(value) for name, value in metrics.items()}
    results["train_loss"] = history["train_loss"]
    if seed == 0:
        results |= {f"weights.{name}": value.numpy() for name, value in net.state_dict().items()}
    return results


def _conclude(
    config: Config, arms: Mapping[str, Mapping[str, Any]], results: Results, folder: RunFolder
) -> Record:
    """Return the record: medians over seeds, targets, and paired ratios of errors."""
    lost = {
        arm: sum("test_rmse" not in seed for seed in seeds) for arm, seeds in results.runs.items()
    }
    results = replace(results, runs={a: seeds for a, seeds in results.runs.items() if not lost[a]})
    if not results.runs:
        raise UsageError("every training diverged; are the circuits' scales what they should be?")
    metrics = results.metrics()
    values: dict[str, dict[str, Any]] = {name: {} for name in config.chosen}
    for arm in results.runs:
        labels = results.labels[arm]
        values[labels["function"]][labels["model"]] = metrics[arm]
    targets = {
        name: {"median_test_rmse": float(np.median(values[name]["qkan"]["test_rmse"])), "target": t}
        for name, t in TARGETS.items()
        if "qkan" in values.get(name, {})
    }
    ratios = error_ratios(values)
    gone = [f"{arm} ({count} of {config.seeds})" for arm, count in lost.items() if count]
    verdict = {
        "sentences": [
            *(_target_sentence(name, **target) for name, target in targets.items()),
            *(ratio_sentence(kind, of, config.seeds) for kind, of in ratios.items() if of),
            "Intervals: 95 % for all functions of a model together.",
            *([f"Left out, for trainings diverged: {'; '.join(gone)}."] if gone else []),
        ],
        "targets": {
            name: {**target, "met": target["median_test_rmse"] <= target["target"]}
            for name, target in targets.items()
        },
        "error_ratios": ratios,
        "diverged": {arm: count for arm, count in lost.items() if count},
    }
    sections = [_errors(values, folder)]
    pictures = [*_fits(results, arms, folder), *_network(results, arms, folder)]
    if pictures:
        sections.append(Section("Fits of seed 0", pictures=pictures))
    columns: dict[str, Callable[..., object]] = {
        "function": lambda name, _: name,
        "formula": lambda name, _: FUNCTIONS[name].formula,
        "ranges": lambda name, _: ", ".join(
            f"{v} in [{low:.4g}, {high:.4g}]" for v, (low, high) in FUNCTIONS[name].ranges.items()
        ),
        "parameters": lambda _, of: ", ".join(f"{int(of[k]['parameters'][0])}" for k in of),
        "source": lambda name, _: FUNCTIONS[name].source,
    }
    sections.append(Section("The functions", table=Table.of(columns, values)))
    return Record(summarise(metrics), verdict, sections)


def error_ratios(values: Values, level: float = 0.95) -> dict[str, dict[str, dict[str, float]]]:
    r"""Return how many times larger the quantum KAN's error is, ``{model: {function: ratio and interval}}``.

    .. math:: \exp \Bigl( \frac1S \sum_\mathrm{seed} \log
              \frac{e_\mathrm{quantum}(f, \mathrm{seed})}{e(f, \mathrm{seed})} \Bigr),

    Student's interval over seeds, which are pairs: the same points for every model. The level is that of all functions
    of a model together (Bonferroni). Functions are not averaged: opposite effects would cancel.
    """
    ratios: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in MODELS if kind != "qkan"}
    for kind, found in ratios.items():
        both = {name: of for name, of in values.items() if {"qkan", kind} <= of.keys()}
        for name, of in both.items():
            ours, theirs = (np.log(of[k]["test_error"]) for k in ("qkan", kind))
            interval = paired_difference(ours, theirs, 1 - (1 - level) / len(both))
            ends = {n: float(np.exp(getattr(interval, n))) for n in ("estimate", "low", "high")}
            found[name] = {**ends, "level": interval.level}
    return ratios


def _target_sentence(name: str, median_test_rmse: float, target: float) -> str:
    factor = median_test_rmse / target
    missed = (
        f"missed by a factor of {factor:.0f}"
        if factor > 10
        else f"missed by a factor of {factor:.2g}"
    )
    return (
        f"QKAN on {FUNCTIONS[name].formula}: median test RMSE {median_test_rmse:.2g}; "
        f"the target of {target:g} is {'met' if median_test_rmse <= target else missed}."
    )


def ratio_sentence(kind: str, ratios: Mapping[str, Mapping[str, float]], seeds: int) -> str:
    """Return on which functions the quantum KAN is better or worse than another model, and by how much.

    Example:
        >>> ratios = {"a": {"estimate": 20, "low": 9, "high": 44}, "b": {"estimate": 0.5, "low": 0.1, "high": 2}}
        >>> print(ratio_sentence("mlp", ratios, 5))
        QKAN against MLP at equal parameters, over 5 seeds: error larger on 1 of 2 functions (a 20 times [9, 44]);
        not told apart on 1 (b).
    """

    def told(names: Sequence[str]) -> str:
        return ", ".join(
            "{} {estimate:.2g} times [{low:.2g}, {high:.2g}]".format(name, **ratios[name])
            for name in names
        )

    ranked = sorted(ratios, key=lambda name: -ratios[name]["estimate"])
    larger = [name for name in ranked if ratios[name]["low"] > 1]
    smaller = [name for name in reversed(ranked) if ratios[name]["high"] < 1]
    alike = [name for name in ratios if name not in {*larger, *smaller}]
    clauses = [
        f"error {word} on {len(names)} of {len(ratios)} functions ({told(names)})"
        for word, names in (("larger", larger), ("smaller", smaller))
        if names
    ]
    if alike:
        clauses.append(f"{OPEN} on {len(alike)} ({', '.join(alike)})")
    return f"QKAN against {MODELS[kind]} at equal parameters, over {seeds} seeds: {'; '.join(clauses)}."


def _errors(values: Values, folder: RunFolder) -> Section:
    """Return every model's error for every function: a table, and a dot a seed."""

    def cell(of: Mapping[str, Any], kind: str) -> str:
        if kind not in of:
            return "diverged"
        error = 100 * of[kind]["test_error"]
        return f"{np.median(error):.2g} [{error.min():.2g}, {error.max():.2g}]"

    columns: dict[str, Callable[..., object]] = {"function": lambda name, _: name} | {
        label: lambda _, models, kind=kind: cell(models, kind) for kind, label in MODELS.items()
    }
    errors = {
        label: {
            name: models[kind]["test_error"] for name, models in values.items() if kind in models
        }
        for kind, label in MODELS.items()
    }
    caption = "Test error over the spread of the function: a dot a seed, a tick at the median."
    text = [
        "Test RMSE over the spread of the function, in percent: median over seeds [lowest, highest]. In a row all "
        "models have about as many parameters as the quantum KAN, see the same points, and take the same L-BFGS "
        "iterations."
    ]
    picture = Picture.save(folder, "errors", caption, plot_errors(errors, "error / spread"))
    return Section("Test errors", text, Table.of(columns, values), [picture])


def _fits(
    results: Results, arms: Mapping[str, Mapping[str, Any]], folder: RunFolder
) -> list[Picture]:
    """Draw the functions of one variable, what the quantum KAN makes of them, and the residual."""
    fits = {}
    for arm in results.labelled(model="qkan"):
        target, settings = FUNCTIONS[results.labels[arm]["function"]], arms[arm]
        if target.num_inputs > 1:
            continue
        (low, high), *_ = target.ranges.values()
        x = np.linspace(low, high, _GRID)
        inputs = torch.from_numpy(settings["half_width"] * np.linspace(-1, 1, _GRID)[:, None])
        found = predict(trained(settings["model"], results.runs[arm][0]), inputs)[:, 0].numpy()
        # The model was fitted to the values at mean 0 and spread 1.
        _, sample = target.sample(settings["points"], np.random.default_rng(0))
        y = sample.mean() + sample.std() * found
        fits[target.formula] = x, target(x[:, None]), y
    if not fits:
        return []
    caption = "A single edge: the function (line), the fit (dots), and what it leaves (below)."
    return [Picture.save(folder, "fits", caption, plot_fits(fits))]


def _network(
    results: Results, arms: Mapping[str, Mapping[str, Any]], folder: RunFolder
) -> list[Picture]:
    """Draw the trained network of the function of two variables."""
    caption = f"The QKAN that has learnt {FUNCTIONS[_NETWORK].formula}, of x0 = x and x1 = y."
    pictures = []
    for arm in results.labelled(model="qkan", function=_NETWORK):
        net = trained(arms[arm]["model"], results.runs[arm][0])
        inputs = np.random.default_rng(0).uniform(-1, 1, (500, 2)) * arms[arm]["half_width"]
        pictures.append(Picture.save(folder, "network", caption, plot(net, inputs)))
    return pictures
