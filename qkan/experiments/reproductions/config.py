"""What can be set about the reproduction of a published model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from circuits.errors import UsageError
from qkan.config import setting

__all__ = ["Config"]

_VALIDATION = {False: 500, True: 5_000}


@dataclass(frozen=True)
class Config:
    """The settings of one run; None takes the published protocol's value, or what :meth:`settled` says.

    Raises:
        UsageError: If a number is out of range.
    """

    full: bool = setting(False, "All of MNIST, as published, instead of 5,000/1,000 images.")
    seeds: int | None = setting(None, "How many seeds (5; full: 3).")
    epochs: int | None = setting(None, "Passes over the training images (as published).")
    train: int | None = setting(None, "Training images, those for validation included (all).")
    validation: int | None = setting(
        None, "Of these, how many choose the epoch (500; full: 5,000)."
    )
    test: int | None = setting(None, "Test images (all).")
    only: str | None = setting(None, "Only these arms, separated by commas.")

    def __post_init__(self) -> None:
        for name, least in {
            "seeds": 2,
            "epochs": 1,
            "train": 2,
            "validation": 1,
            "test": 1,
        }.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"expected {name} to be {least} or more, got {value}")

    def settled(self) -> Config:
        """Return the same with the number of seeds and of validation images filled in.

        Example:
            >>> Config().settled().seeds, Config(full=True).settled().validation
            (5, 5000)
        """
        return replace(
            self,
            seeds=self.seeds or (3 if self.full else 5),
            validation=self.validation or _VALIDATION[self.full],
        )

    @property
    def is_published_protocol(self) -> bool:
        """Whether the published runs were trained on the same images for as many epochs."""
        return self.full and self.epochs is None and self.train is None and self.test is None
