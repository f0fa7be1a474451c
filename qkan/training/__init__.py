"""One readable training loop, with checkpoints from which it goes on exactly."""

from __future__ import annotations

from qkan.training.checkpoint import CheckpointWarning
from qkan.training.config import TrainingConfig
from qkan.training.evaluate import evaluate, predict
from qkan.training.fit import fit
from qkan.training.history import History
from qkan.training.losses import METRICS
from qkan.training.run import DivergedError

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
