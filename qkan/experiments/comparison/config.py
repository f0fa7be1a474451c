"""What can be set about the comparison of all models."""

from __future__ import annotations

from dataclasses import dataclass, replace

from circuits.errors import UsageError
from qkan.config import setting

__all__ = ["Config"]

_VALIDATION = {False: 500, True: 5_000}


@dataclass(frozen=True)
class Config:
    """The settings of one run.

    Raises:
        UsageError: If a setting is out of range.
    """

    full: bool = setting(False, "All of MNIST instead of 5,000/1,000 images.")
    seeds: int = setting(5, "How many seeds.")
    width: int = setting(64, "The hidden width at which models are compared.")
    epochs: int = setting(8, "Passes over the training images.")
    batch_size: int = setting(64, "Images a step.")
    rates: str = setting("1e-3,3e-3", "Learning rates; validation chooses, for every seed anew.")
    qkan: bool = setting(False, "Compare the quantum KAN, too.")
    train: int | None = setting(None, "Training images, those for validation included (all).")
    validation: int | None = setting(
        None, "Of these, how many choose epoch and rate (500; full: 5,000)."
    )
    test: int | None = setting(None, "Test images (all).")

    def __post_init__(self) -> None:
        least = {
            "seeds": 2,
            "width": 2,
            "epochs": 1,
            "batch_size": 1,
            "train": 2,
            "validation": 1,
            "test": 2,
        }
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise UsageError(f"expected {name} to be {smallest} or more, got {value}")
        if not self.learning_rates or min(self.learning_rates) <= 0:
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
            expected = "numbers separated by commas, such as 3e-4,1e-3"
            raise UsageError(f"expected rates to be {expected}, got {self.rates!r}") from error

    def settled(self) -> Config:
        """Return the same with the number of validation images filled in.

        Example:
            >>> Config(full=True).settled().validation
            5000
        """
        return replace(self, validation=self.validation or _VALIDATION[self.full])
