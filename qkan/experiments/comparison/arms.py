"""Which models are compared, and which widths give them equal parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from qkan.experiments.notebook_networks import make

__all__ = ["GROUPS", "Arm", "arms_of", "parameters_of", "width_for"]

_PIXELS, _CLASSES = 784, 10
_CHANNELS = {"small": (8, 16), "large": (32, 64)}
"""Of the convolutional networks; the large ones are the notebook's."""

Settings = dict[str, Any]

GROUPS = {
    "width": "the same hidden width",
    "small": "as many parameters as the MLP of that width",
    "large": "as many parameters as the SineKAN of that width",
}
"""What the models of a group share."""


@dataclass(frozen=True)
class Arm:
    """One model of the comparison.

    Attributes:
        kind: What it is, for colours and labels.
        width: Its hidden width; 0 for none.
        groups: Where it is compared: names in :data:`GROUPS`.
        model: Its configuration.
    """

    kind: str
    width: int
    groups: tuple[str, ...]
    model: Settings

    @property
    def name(self) -> str:
        """What it is called in ``results.json``."""
        return f"{self.kind}_{self.width}" if self.width else self.kind


def arms_of(width: int, *, qkan: bool = False) -> list[Arm]:
    """Return the arms: each kind at the width, and where it has as many parameters as a reference.

    The linear model is in no group: it is the floor. The width of a convolutional network's dense layer is not what it
    is elsewhere, so it is compared at equal parameters alone. The quanvolution's head is the MLP, so that the MLP
    itself, on as many raw pixels, is its control; a second one is the filter without the gates that join wires.

    Example:
        >>> [arm.name for arm in arms_of(64) if "small" in arm.groups]
        ['mlp_64', 'kan_7', 'sinekan_8', 'scipykan_64', 'quanvolution_64', 'no_entanglement_64', 'cnn_63']
    """
    budgets = {
        "small": parameters_of(_sizes("mlp", width)),
        "large": parameters_of(_sizes("sinekan", width)),
    }
    wanted: dict[tuple[str, int], tuple[Settings, list[str]]] = {}

    def add(kind: str, width: int, group: str, model: Settings) -> None:
        wanted.setdefault((kind, width), (model, []))[1].append(group)

    for kind, model_of in _kinds(qkan).items():
        add(kind, width, "width", model_of(width))
        for group, budget in budgets.items():
            fitting = width_for(model_of, budget)
            add(kind, fitting, group, model_of(fitting))
    for group, budget in budgets.items():
        model_of = partial(_cnn, _CHANNELS[group])
        fitting = width_for(model_of, budget)
        add("cnn", fitting, group, model_of(fitting))
    add("tablekan", width, "width", _sizes("tablekan", width))
    linear = Arm("linear", 0, (), {"kind": "mlp", "sizes": [_PIXELS, _CLASSES]})
    found = [Arm(kind, w, tuple(groups), model) for (kind, w), (model, groups) in wanted.items()]
    return [linear, *found]


def width_for(model_of: Callable[[int], Settings], budget: int) -> int:
    """Return the hidden width whose number of parameters is closest to ``budget``.

    With one hidden layer the number is affine in the width, so two widths tell all.
    """
    one, two = (parameters_of(model_of(width)) for width in (1, 2))
    return max(1, round(1 + (budget - one) / (two - one)))


def parameters_of(model: Mapping[str, Any]) -> int:
    """Return how many parameters a model trains."""
    return int(make(model, generator=torch.Generator()).num_parameters)


def _kinds(qkan: bool) -> dict[str, Callable[[int], Settings]]:
    kinds: dict[str, Callable[[int], Settings]] = {
        kind: lambda width, kind=kind: _sizes(kind, width)  # type: ignore[misc]
        for kind in ("mlp", "kan", "sinekan", "scipykan", *(["qkan"] if qkan else []))
    }
    return kinds | {
        "quanvolution": lambda width: _quanvolution("demo", width),
        "no_entanglement": lambda width: _quanvolution("demo/no-entanglement", width),
    }


def _cnn(channels: tuple[int, int], width: int) -> Settings:
    return {"kind": "cnn", "channels": list(channels), "hidden": width}


def _sizes(kind: str, width: int) -> Settings:
    return {"kind": kind, "sizes": [_PIXELS, width, _CLASSES]}


def _quanvolution(circuit: str, width: int) -> Settings:
    # 14 x 14 patches with four channels are 784 features again.
    return {"kind": "quanvolution", "filters": [circuit], "head": _sizes("mlp", width)}
