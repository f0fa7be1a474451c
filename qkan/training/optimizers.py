"""The optimisers, by their names in a configuration."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import LBFGS, Adam, AdamW, Optimizer

from circuits.errors import UsageError
from qkan.training.config import TrainingConfig

__all__ = ["make_optimizer"]


def make_optimizer(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """Return the optimiser of the parameters that are to be trained.

    L-BFGS has a strong Wolfe line search and a history of 50 steps, and stops within a batch only
    where it can go no further.

    Raises:
        UsageError: If there are none.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise UsageError("the model has no parameter that requires a gradient: nothing to train")
    rate = config.initial_rate
    if config.optimizer == "lbfgs":
        return LBFGS(
            parameters,
            lr=rate,
            max_iter=config.max_iter,
            history_size=50,
            tolerance_grad=torch.finfo(parameters[0].dtype).tiny,
            tolerance_change=torch.finfo(parameters[0].dtype).eps ** 2,
            line_search_fn="strong_wolfe",
        )
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    kind = Adam if config.optimizer == "adam" else AdamW
    return kind(parameters, lr=rate, weight_decay=config.weight_decay, fused=fused)
