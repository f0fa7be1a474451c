"""Results of training, arm by arm, with their spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from qkan.plotting.style import (
    PALE,
    arm_colors,
    arm_label,
    legend_below,
    logarithmic,
    metric_scale,
    styled,
    subplots,
    ticks,
    within_percent,
)

__all__ = ["plot_curves", "plot_errors", "plot_seeds"]

Array = NDArray[np.floating]


@styled
def plot_curves(histories: Mapping[str, Mapping[str, Array]]) -> Figure:
    """Draw one panel a metric: mean (line) and standard deviation (band) of every arm.

    Args:
        histories: ``{arm: {metric: values}}``; losses are drawn on a logarithmic axis, accuracies in %.

    Shape:
        Each array is ``(seeds, epochs)``.

    Example:
        >>> arm = {"train_loss": np.ones((3, 5)), "val_accuracy": np.ones((3, 5))}
        >>> [axes.get_title() for axes in plot_curves({"quantum": arm}).axes]
        ['training loss', 'validation accuracy / %']
    """
    metrics, colors = list(next(iter(histories.values()))), arm_colors(histories)
    figure, every = subplots(1, len(metrics), (3.7 * len(metrics), 3.5))
    for metric, axes in zip(metrics, every, strict=True):
        label, factor = metric_scale(metric)
        for arm, history in histories.items():
            values, color = factor * np.asarray(history[metric]), colors[arm]
            epochs = np.arange(1, values.shape[1] + 1)
            mean, sd = values.mean(axis=0), values.std(axis=0, ddof=min(1, len(values) - 1))
            marker = "o" if len(epochs) == 1 else None  # a line of one point is not seen
            axes.plot(epochs, mean, marker=marker, color=color, linewidth=1.8, label=arm_label(arm))
            lowest = values.min(axis=0) if metric.endswith("loss") else -np.inf
            band = np.maximum(mean - sd, lowest), mean + sd
            axes.fill_between(epochs, *band, color=color, alpha=0.13, lw=0)
        axes.set(title=label, xlabel="epoch")
        within_percent(axes.yaxis, label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        losses = [history[metric] for history in histories.values()]
        if metric.endswith("loss") and logarithmic(axes.yaxis, *losses):
            ticks(axes.yaxis, (1, 2, 5))
    legend_below(figure, max(3, 2 * len(metrics)))
    return figure


@styled
def plot_seeds(
    results: Mapping[str, Mapping[str, Array]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    published: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Draw one panel a metric and one row an arm: a dot a seed, the mean, the published run.

    Args:
        results: ``{arm: {metric: values}}``, one value a seed; accuracies are drawn in %.
        intervals: ``{arm: {metric: (low, high)}}``, drawn as a bar: where one more run would fall.
        published: ``{arm: {metric: value}}``, drawn as a diamond.

    Example:
        >>> results = {"quantum": {"val_loss": np.array([1.0, 1.1])}}
        >>> figure = plot_seeds(results, published={"quantum": {"val_loss": 1.05}})
        >>> figure.axes[0].get_title()
        'validation loss'
    """
    arms, metrics = list(results), list(next(iter(results.values())))
    colors, intervals, published = arm_colors(arms), intervals or {}, published or {}
    size = (3.6 * len(metrics) + 1, 0.62 * len(arms) + 1.3)
    figure, every = subplots(1, len(metrics), size, sharey=True)
    for metric, axes in zip(metrics, every, strict=True):
        label, factor = metric_scale(metric)
        for row, arm in enumerate(arms):
            values, color = factor * np.asarray(results[arm][metric]), colors[arm]
            # Equal values (accuracies are multiples of 1/30) would hide each other: spread them.
            height = row + np.random.default_rng(0).uniform(-0.2, 0.2, len(values))
            axes.scatter(values, height, s=13, color=color, alpha=0.45, linewidths=0)
            axes.vlines(values.mean(), row - 0.32, row + 0.32, color=color, linewidth=2.2)
            if metric in intervals.get(arm, {}):
                low, high = (factor * end for end in intervals[arm][metric])
                axes.barh(row, high - low, 0.64, low, color=color, alpha=0.10, zorder=0)
            if metric in published.get(arm, {}):
                style: dict[str, Any] = {"color": color, "markeredgecolor": "white", "zorder": 5}
                axes.plot(factor * published[arm][metric], row, marker="D", markersize=8, **style)
        losses = [each[metric] for each in results.values()]
        if metric.endswith("loss") and logarithmic(axes.xaxis, *losses):
            ticks(axes.xaxis, (1, 1.5, 2, 3, 5, 7))
        axes.set_title(label)
        within_percent(axes.xaxis, label)
        axes.set_yticks(range(len(arms)), [arm_label(arm) for arm in arms])
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
    every[0].invert_yaxis()
    return figure


@styled
def plot_errors(errors: Mapping[str, Mapping[str, Array]], label: str) -> Figure:
    """Draw one row a task and one colour a model: a dot a seed, a tick at the median.

    Args:
        errors: ``{model: {task: one value a seed}}``.
        label: What they are.

    Example:
        >>> figure = plot_errors({"a": {"task": np.array([0.1, 0.2])}}, "error")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['task']
    """
    tasks = list(dict.fromkeys(task for of in errors.values() for task in of))
    colors = arm_colors(errors)
    figure, (axes,) = subplots(1, 1, (6.8, 0.52 * len(tasks) + 1.1))
    offsets = np.linspace(-0.3, 0.3, len(errors))
    for (model, by_task), offset in zip(errors.items(), offsets, strict=True):
        for task, values in by_task.items():
            y, color = tasks.index(task) + offset, colors[model]
            name = model if task == next(iter(by_task)) else None
            dots = np.full(len(values), y)
            axes.plot(values, dots, "o", color=color, ms=3.5, alpha=0.55, mew=0, label=name)
            axes.plot([np.median(values)], [y], "|", color=color, ms=9, mew=2)
    logarithmic(axes.xaxis, *(v for by_task in errors.values() for v in by_task.values()))
    axes.set(xlabel=label, ylim=(len(tasks) - 0.45, -0.55))
    axes.set_yticks(range(len(tasks)), tasks)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(tasks)):
        axes.axhline(row - 0.5, color=PALE, linewidth=0.8)
    legend_below(figure, 3)
    return figure
