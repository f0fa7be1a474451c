"""The settings that are tried, on four grids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qkan.experiments.sinekan_sweep.config import Config

__all__ = ["BASE", "Arm", "arms_of"]


@dataclass(frozen=True)
class Arm:
    """One setting of a SineKAN and its training.

    Attributes:
        rate: The first epoch's learning rate.
        gamma: Its factor from epoch to epoch.
        width: The width of the hidden layers.
        decay: The weight decay.
        depth: The number of hidden layers.
    """

    rate: float = 3e-4
    gamma: float = 0.9
    width: int = 64
    decay: float = 0.01
    depth: int = 1

    @property
    def name(self) -> str:
        """What it is called in ``results.json``."""
        return (
            f"rate_{self.rate:g}_gamma_{self.gamma:g}_width_{self.width}"
            f"_decay_{self.decay:g}_depth_{self.depth}"
        )

    @property
    def model(self) -> dict[str, Any]:
        """The model's configuration."""
        return {"kind": "sinekan", "sizes": [784, *[self.width] * self.depth, 10], "grid": 8}

    def training(self, epochs: int) -> dict[str, Any]:
        """Return the settings of the training."""
        return {
            "epochs": epochs,
            "batch_size": 64,
            "optimizer": "adamw",
            "learning_rate": self.rate,
            "gamma": self.gamma,
            "weight_decay": self.decay,
        }


BASE = Arm()
"""What the lines of weight decays, widths and depths start from: the authors' rate and factor."""


def arms_of(config: Config) -> dict[str, list[Arm]]:
    """Return the settings of each grid; one that lies on several is trained once.

    Example:
        >>> arms = arms_of(Config().settled())
        >>> {name: len(grid) for name, grid in arms.items()}
        {'grid': 18, 'weight decay': 3, 'width': 3, 'depth': 3}
    """
    return {
        "grid": list(_grid(config)),
        "weight decay": [Arm(decay=decay) for decay in config.grid("decays")],
        "width": [Arm(width=int(width)) for width in config.grid("line")],
        "depth": [Arm(depth=int(depth)) for depth in config.grid("depths")],
    }


def _grid(config: Config) -> Iterator[Arm]:
    for width in config.grid("widths"):
        for rate in config.grid("rates"):
            for gamma in config.grid("gammas"):
                yield Arm(rate, gamma, int(width))
