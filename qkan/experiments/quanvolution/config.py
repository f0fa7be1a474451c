"""What can be set about the quanvolution experiment, and the published protocol as defaults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from circuits.errors import UsageError, unknown_name
from qkan.config import setting

__all__ = ["Config"]

_PROTOCOL = {"seeds": 30, "epochs": 60, "batch_size": 4, "train": 50, "validation": 30}
_FULL = {"seeds": 3, "epochs": 6, "batch_size": 128, "train": 55_000, "validation": 5_000}


@dataclass(frozen=True)
class Config:
    """The settings of one run: everything that changes its numbers, and nothing else.

    Settings that are None take the published protocol's value, or with ``full`` that of the
    experiment on all of MNIST: see :meth:`settled`.

    Raises:
        UsageError: If a number is not positive, or a name unknown.
    """

    circuit: str = setting("demo", "The filter; `qkan circuits` lists them.")
    backend: str = setting("auto", "Where circuits run; `qkan backends` lists them.")
    evaluate: str = setting("auto", "auto, fourier (nodes, then the series) or direct.")
    shots: int | None = setting(None, "Shots a circuit; exact expectation values without.")
    seed: int = setting(0, "What shots are drawn from.")
    noise: str | None = setting(None, "A noise channel and its strength, like depolarizing:0.01.")
    full: bool = setting(False, "All of MNIST: 1, 4 and 9 filters, linear and CNN head.")
    seeds: int | None = setting(None, "How many seeds (30; full: 3).")
    epochs: int | None = setting(None, "Passes over the training images (60; full: 6).")
    batch_size: int | None = setting(None, "Images a step (4; full: 128).")
    train: int | None = setting(None, "Training images (50; full: 55,000).")
    validation: int | None = setting(None, "Validation images (30; full: 5,000).")

    def __post_init__(self) -> None:
        if self.evaluate not in ("auto", "fourier", "direct"):
            raise unknown_name("way to evaluate", self.evaluate, ["auto", "fourier", "direct"])
        for name in _PROTOCOL:
            value, least = getattr(self, name), 2 if name == "seeds" else 1
            if value is not None and value < least:
                raise UsageError(f"expected {name} to be {least} or more, got {value}")

    def settled(self) -> Config:
        """Return the same with every number filled in.

        Example:
            >>> Config(epochs=2).settled().epochs, Config().settled().seeds
            (2, 30)
        """
        defaults = _FULL if self.full else _PROTOCOL
        missing: dict[str, Any] = {k: v for k, v in defaults.items() if getattr(self, k) is None}
        return replace(self, **missing)

    @property
    def is_published_protocol(self) -> bool:
        """Whether the published single run was trained in the same way."""
        used = {name: getattr(self.settled(), name) for name in _PROTOCOL}
        return not self.full and used | {"seeds": 0} == _PROTOCOL | {"seeds": 0}
