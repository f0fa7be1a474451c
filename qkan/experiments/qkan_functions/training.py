"""One model fitted to one function from one seed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qkan.data.functions import function
from qkan.models import make
from qkan.training import TrainingConfig, fit, predict

__all__ = ["train_on_function"]

_ITERATIONS = 20
"""Between two numbers of the loss curve."""


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
    function itself.

    Args:
        seed: Draws the points, the same for every model, and the initial weights.
        function_name: The function.
        model: The model's configuration, with its ``kind``.
        half_width: Inputs fill (-half width, half width).
        iterations: Of L-BFGS, on all points.
        points: How many.

    Returns:
        The metrics ``test_rmse``, ``test_error`` (it over the spread of the function), ``train_rmse``, ``parameters``
        and ``train_seconds``; the curve ``train_loss``; the weights of seed 0.
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
    data = _inputs(x, half_width), torch.from_numpy((y - mean) / spread).unsqueeze(1)
    started = time.process_time()
    history = fit(net, data, config=config, loss="mse")
    seconds = time.process_time() - started

    def rmse(points: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = predict(net, _inputs(points, half_width))[:, 0].double().cpu().numpy()
        return np.sqrt(np.mean((spread * found + mean - values) ** 2))  # type: ignore[no-any-return]

    test = rmse(x_test, y_test)
    results = {
        "test_rmse": test,
        "test_error": test / y_test.std(),
        "train_rmse": rmse(x, y),
        "parameters": np.array(net.num_parameters),
        "train_seconds": np.array(seconds),
        "train_loss": history["train_loss"],
    }
    if seed == 0:
        state = net.state_dict()
        results |= {f"weights.{name}": value.numpy() for name, value in state.items()}
    return results


def _inputs(x: NDArray[np.float64], half_width: float) -> Tensor:
    return torch.from_numpy(half_width * x)
