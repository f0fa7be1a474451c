"""What can be set about the fits of functions."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.errors import UsageError, unknown_name
from qkan.config import setting

__all__ = ["Config"]


@dataclass(frozen=True)
class Config:
    """The settings of one run.

    Raises:
        UsageError: If a number is too small, or a function unknown.
    """

    seeds: int = setting(5, "How many seeds.")
    functions: str = setting("all", "Which functions, by name, separated by commas; or all.")
    single: str = setting("rpz(depth=6)", "The circuit of the single edge, [1, 1].")
    edge: str = setting("pz(depth=6)", "The circuits on the edges of [n, 5, 1].")
    iterations: int = setting(500, "Iterations of L-BFGS.")
    points: int = setting(1000, "Points to learn from; as many others are tested.")

    def __post_init__(self) -> None:
        # Here, for the command line shows the settings without PennyLane and torch.
        from circuits.edges import edge
        from qkan.data.functions import FUNCTIONS

        least = {"seeds": 2, "iterations": 1, "points": 10}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value < smallest:
                raise UsageError(f"expected {name} to be {smallest} or more, got {value}")
        for name in self.chosen:
            if name not in FUNCTIONS:
                raise unknown_name("function", name, FUNCTIONS)
        for circuit in (edge(self.single), edge(self.edge)):
            circuit.require_series()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the functions.

        Example:
            >>> Config(functions="sinc20, I.16.6").chosen
            ('sinc20', 'I.16.6')
        """
        from qkan.data.functions import FUNCTIONS

        if self.functions == "all":
            return tuple(FUNCTIONS)
        return tuple(name.strip() for name in self.functions.split(","))
