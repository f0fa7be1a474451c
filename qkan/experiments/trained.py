"""Trained models out of a study's arrays, and into the folder of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qkan.experiments.run_folder import RunFolder
from qkan.models import MODELS, make
from qkan.models.base import Model

__all__ = ["FOLDER", "keep_models", "trained"]

FOLDER = "models"
"""Where the folder of a run keeps its models, which ``qkan inspect`` looks at."""

_PREFIX = "weights."

Arrays = Mapping[str, NDArray[Any]]


def trained(model: Mapping[str, Any], arrays: Arrays, **options: Any) -> Model:
    """Return a model, ready to be evaluated, with the weights that a task returned as ``weights.NAME``.

    Args:
        model: Its configuration, with its kind.
        arrays: What the task returned.
        options: Of the constructor: ``backend``, ``evaluate``.
    """
    state = {
        name.removeprefix(_PREFIX): torch.from_numpy(np.array(values))
        for name, values in arrays.items()
        if name.startswith(_PREFIX)
    }
    dtype = next((v.dtype for v in state.values() if v.is_floating_point()), None)
    net = make(model, generator=torch.Generator().manual_seed(0), dtype=dtype, **options)
    net.load_state_dict(state)
    return net.eval()


def keep_models(
    folder: RunFolder, arms: Mapping[str, Mapping[str, Any]], runs: Mapping[str, Sequence[Arrays]]
) -> None:
    """Write the first seed's model of every arm that kept its weights to ``models/ARM.safetensors``.

    Args:
        folder: Of the run.
        arms: Their settings; those of a model are called ``model``.
        runs: What the tasks returned, seed by seed.
    """
    for arm, settings in arms.items():
        model, arrays = settings.get("model"), runs[arm][0]
        if not isinstance(model, Mapping) or model.get("kind") not in MODELS:
            continue
        if settings.get("start", "random") != "random":  # it may be another model by now
            continue
        if any(name.startswith(_PREFIX) for name in arrays):
            name = arm.replace(": ", "-").replace("/", "-")
            trained(model, arrays).save(folder.path / FOLDER / f"{name}.safetensors")
