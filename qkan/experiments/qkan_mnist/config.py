"""What can be set about the comparison on digits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from circuits.errors import UsageError
from qkan.config import setting

__all__ = ["Config"]

_SMALL = {"seeds": 5, "epochs": 6, "validation": 500}
_FULL = {"seeds": 1, "epochs": 5, "validation": 5_000}


@dataclass(frozen=True)
class Config:
    """The settings of one run; those that are None take other values with ``full``: see :meth:`settled`.

    Raises:
        UsageError: If a number is out of range, or the circuit unknown.
    """

    full: bool = setting(False, "All of MNIST instead of 5,000/1,000 images.")
    edge: str = setting("pz(depth=3)", "The circuits on the edges.")
    width: int = setting(32, "The hidden width.")
    seeds: int | None = setting(None, "How many seeds (5; full: 1).")
    epochs: int | None = setting(None, "Passes over the training images (6; full: 5).")
    batch_size: int = setting(64, "Images a step.")
    rates: str = setting(
        "1e-3,3e-3", "Learning rates; validation chooses, for every arm and seed anew."
    )
    gamma: float = setting(0.8, "The factor of the learning rate from epoch to epoch.")
    pruned: float = setting(
        0.5, "The part of the classical KAN's edges that the warm start leaves out."
    )
    train: int | None = setting(None, "Images to learn from (all but those for validation).")
    validation: int | None = setting(None, "Images that choose epoch and rate (500; full: 5,000).")

    def __post_init__(self) -> None:
        # Here, for the command line shows the settings without PennyLane.
        from circuits.edges import edge

        least = {"seeds": 1, "epochs": 2, "width": 1, "batch_size": 1, "train": 1, "validation": 1}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise UsageError(f"expected {name} to be {smallest} or more, got {value}")
        if not 0 <= self.pruned < 1:
            raise UsageError(f"expected pruned to be in [0, 1), got {self.pruned}")
        if not 0 < self.gamma <= 1:
            raise UsageError(f"expected gamma to be in (0, 1], got {self.gamma}")
        edge(self.edge).require_series()
        if min(self.learning_rates) <= 0:
            raise UsageError(f"expected positive rates, got {self.rates!r}")

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates as numbers.

        Raises:
            UsageError: If one is none.
        """
        try:
            return tuple(float(rate) for rate in self.rates.split(","))
        except ValueError as error:
            expected = "numbers separated by commas, such as 1e-3,3e-3"
            raise UsageError(f"expected rates to be {expected}, got {self.rates!r}") from error

    def settled(self) -> Config:
        """Return the same with every number filled in but ``train``.

        Example:
            >>> Config(full=True).settled().epochs, Config(epochs=2).settled().seeds
            (5, 5)
        """
        defaults = _FULL if self.full else _SMALL
        missing: dict[str, Any] = {k: v for k, v in defaults.items() if getattr(self, k) is None}
        return replace(self, **missing)
