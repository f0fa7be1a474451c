"""The figures of the fits, and the models of seed 0 for ``qkan inspect``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qkan.analysis import plot
from qkan.data.functions import FUNCTIONS
from qkan.experiments.qkan_functions.arms import MODELS
from qkan.plotting import Fit, plot_errors, plot_fits
from qkan.studies.report import Picture
from qkan.studies.run import RunFolder
from qkan.studies.study import Results, trained
from qkan.training import predict

__all__ = ["draw_errors", "draw_fits", "draw_network"]

_GRID = 401
_NETWORK = "exp-sin"


def draw_errors(
    values: Mapping[str, Mapping[str, NDArray[np.float64]]],
    functions: tuple[str, ...],
    folder: RunFolder,
) -> Picture:
    """Draw every model's error for every function: a dot a seed, a line at the median."""
    errors = {
        label: {name: values[f"{name}: {kind}"]["test_error"] for name in functions}
        for kind, label in MODELS.items()
    }
    caption = "Test error over the spread of the function: a dot a seed, a tick at the median."
    return Picture.save(folder, "errors", caption, plot_errors(errors, "error / spread"))


def draw_fits(
    results: Results, arms: Mapping[str, Mapping[str, Any]], folder: RunFolder
) -> list[Picture]:
    """Draw the functions of one variable, what the quantum KAN makes of them, and the residual."""
    fits = []
    for name, target in FUNCTIONS.items():
        if target.num_inputs > 1 or f"{name}: qkan" not in arms:
            continue
        arm = f"{name}: qkan"
        (low, high), *_ = target.ranges.values()
        x = np.linspace(low, high, _GRID)
        unit = np.linspace(-1, 1, _GRID)[:, None]
        net, settings = trained(arms[arm]["model"], results.runs[arm][0]), arms[arm]
        found = predict(net, torch.from_numpy(settings["half_width"] * unit))[:, 0].numpy()
        # The model was fitted to the values at mean 0 and spread 1.
        y = target(x[:, None])
        _, sample = target.sample(settings["points"], np.random.default_rng(0))
        fits.append(Fit(target.formula, x, y, sample.mean() + sample.std() * found))
    if not fits:
        return []
    caption = "A single edge: the function (line), the fit (dots), and what it leaves (below)."
    return [Picture.save(folder, "fits", caption, plot_fits(fits))]


def draw_network(
    results: Results, arms: Mapping[str, Mapping[str, Any]], folder: RunFolder
) -> list[Picture]:
    """Draw the trained network of the function of two variables."""
    arm = f"{_NETWORK}: qkan"
    if arm not in arms:
        return []
    net = trained(arms[arm]["model"], results.runs[arm][0])
    inputs = np.random.default_rng(0).uniform(-1, 1, (500, 2)) * arms[arm]["half_width"]
    caption = (
        f"The quantum KAN that has learnt {FUNCTIONS[_NETWORK].formula}, of x0 = x and x1 = y."
    )
    return [Picture.save(folder, "network", caption, plot(net, inputs))]
