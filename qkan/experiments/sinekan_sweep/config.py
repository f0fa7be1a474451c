"""What can be set about the sweep, and its grids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from circuits.errors import UsageError
from qkan.config import setting

__all__ = ["Config"]

_REDUCED = {
    "rates": "1e-4,2e-4,5e-4",
    "gammas": "0.7,0.8,0.9",
    "widths": "64,128",
    "decays": "0.01,0.1,1",
    "line": "16,64,256",
    "depths": "1,2,3",
}
_WHOLE = {
    "rates": "1e-4,2e-4,3e-4,4e-4,5e-4",
    "gammas": "0.7,0.8,0.9",
    "widths": "64,128,256",
    "decays": "0.01,0.03,0.1,0.3,1",
    "line": "16,32,64,128,256,512",
    "depths": "1,2,3,4",
}
_VALIDATION = {False: 500, True: 5_000}


@dataclass(frozen=True)
class Config:
    """The settings of one run. Grids are numbers separated by commas.

    Raises:
        UsageError: If a number is out of range.
    """

    full: bool = setting(False, "All of MNIST instead of 5,000/1,000 images.")
    whole: bool = setting(False, "The published grids instead of reduced ones.")
    seeds: int = setting(2, "How many seeds.")
    epochs: int = setting(5, "Passes over the training images.")
    rates: str | None = setting(None, "Learning rates of the grid (1e-4 to 5e-4).")
    gammas: str | None = setting(None, "Their factors from epoch to epoch (0.7 to 0.9).")
    widths: str | None = setting(None, "Hidden widths of the grid (64, 128; whole: also 256).")
    decays: str | None = setting(None, "Weight decays, at width 64 (0.01 to 1).")
    line: str | None = setting(None, "Widths at one learning rate (16 to 256; whole: to 512).")
    depths: str | None = setting(None, "Hidden layers of width 64 (1 to 3; whole: to 4).")
    train: int | None = setting(None, "Training images, those for validation included (all).")
    validation: int | None = setting(None, "Of these, how many judge a setting (500; full: 5,000).")
    test: int | None = setting(None, "Test images (all).")

    def __post_init__(self) -> None:
        least = {"seeds": 2, "epochs": 1, "train": 2, "validation": 1, "test": 2}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise UsageError(f"expected {name} to be {smallest} or more, got {value}")
        for name in _WHOLE:
            if getattr(self, name) is not None and (
                not self.grid(name) or min(self.grid(name)) <= 0
            ):
                raise UsageError(f"expected {name} to be positive, got {getattr(self, name)!r}")

    def settled(self) -> Config:
        """Return the same with every grid filled in.

        Example:
            >>> Config(whole=True).settled().line
            '16,32,64,128,256,512'
        """
        grids = _WHOLE if self.whole else _REDUCED
        missing: dict[str, Any] = {k: v for k, v in grids.items() if getattr(self, k) is None}
        return replace(self, validation=self.validation or _VALIDATION[self.full], **missing)

    def grid(self, name: str) -> tuple[float, ...]:
        """Return the numbers of a grid.

        Raises:
            UsageError: If they are none, or no whole ones where widths and depths are asked for.
        """
        text = getattr(self, name) or ""
        kind = int if name in {"widths", "line", "depths"} else float
        try:
            return tuple(kind(number) for number in text.split(",") if number.strip())
        except ValueError as error:
            what = "whole numbers" if kind is int else "numbers"
            raise UsageError(
                f"expected {name} to be {what} separated by commas, got {text!r}"
            ) from error
