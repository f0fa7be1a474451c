"""Errors of many models on many tasks, on one logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_errors"]

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#4D4D4D", "#E69F00", "#56B4E9")


def plot_errors(errors: Mapping[str, Mapping[str, NDArray[np.floating]]], label: str) -> Figure:
    """Draw one row a task and one colour a model: a dot a seed, a tick at the median.

    Args:
        errors: ``{model: {task: one value a seed}}``.
        label: What they are.

    Example:
        >>> figure = plot_errors({"a": {"task": np.array([0.1, 0.2])}}, "error")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['task']
    """
    tasks = list(next(iter(errors.values())))
    figure, (axes,) = subplots(1, 1, (6.8, 0.52 * len(tasks) + 1.1))
    offsets = np.linspace(-0.3, 0.3, len(errors))
    for (model, by_task), offset, color in zip(errors.items(), offsets, _COLORS * 9, strict=False):
        for row, task in enumerate(tasks):
            values = by_task[task]
            name = model if row == 0 else None
            y = np.full(len(values), row + offset)
            axes.plot(values, y, "o", color=color, ms=3.5, alpha=0.55, mew=0, label=name)
            axes.plot([np.median(values)], [row + offset], "|", color=color, ms=9, mew=2)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_ylim(len(tasks) - 0.45, -0.55)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(tasks)):
        axes.axhline(row - 0.5, color="#E6E6E6", linewidth=0.8)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
