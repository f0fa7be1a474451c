"""One readable training loop, with checkpoints from which it goes on exactly."""

from __future__ import annotations

from qkan.training.checkpoint import CheckpointWarning
from qkan.training.config import TrainingConfig
from qkan.training.fit import fit
from qkan.training.history import DivergedError, History
from qkan.training.losses import METRICS, evaluate, predict

__all__ = [
    "METRICS",
    "CheckpointWarning",
    "DivergedError",
    "History",
    "TrainingConfig",
    "evaluate",
    "fit",
    "predict",
]


def __dir__() -> list[str]:
    return __all__
