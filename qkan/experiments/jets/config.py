"""What can be set about the jet study."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.errors import UsageError
from qkan.config import setting

__all__ = ["Config"]


@dataclass(frozen=True)
class Config:
    """The settings of one run: everything that changes its numbers, and nothing else.

    Raises:
        UsageError: If a number is too small.
    """

    seeds: int = setting(5, "How many seeds.")
    epochs: int = setting(40, "Passes over the training jets, at most.")
    train: int = setting(6000, "Training jets, at most 6,000.")
    shots: int = setting(4096, "Shots a circuit, where trained QKANs are evaluated with shots.")
    resamples: int = setting(500, "Bootstrap samples of the test jets.")
    warm: bool = setting(True, "Also the QKAN that starts as a trained KAN.")
    images: bool = setting(True, "Also the models of jet images.")
    curves: bool = setting(True, "Also the learning curves, from 100 jets on.")

    def __post_init__(self) -> None:
        for name, least in (
            ("seeds", 2),
            ("epochs", 1),
            ("train", 50),
            ("shots", 1),
            ("resamples", 20),
        ):
            if getattr(self, name) < least:
                raise UsageError(
                    f"expected {name} to be {least} or more, got {getattr(self, name)}"
                )
        if self.train > 6000:
            raise UsageError(f"the sample has 6,000 training jets, got train={self.train}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of training jets of the learning curves, the last being all."""
        smaller = (100, 300, 1000, 3000) if self.curves else ()
        return (*(size for size in smaller if size < self.train), self.train)
