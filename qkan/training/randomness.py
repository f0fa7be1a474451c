"""Random numbers of a training's own, whatever the process draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Randomness"]


class Randomness:
    """The order of the data, and what layers such as dropout draw; all of it from one seed.

    Torch's layers draw from the process's generators. These are lent to the training within
    :meth:`lent`, and are afterwards as they were.

    Args:
        seed: Where both sequences start.
        model: Whose devices have generators that its layers may draw from.
        others: Generators that the data draw from, kept in the state and not seeded.
    """

    def __init__(self, seed: int, model: nn.Module, others: Sequence[torch.Generator] = ()) -> None:
        self.others = others
        self.order = torch.Generator().manual_seed(seed)
        self._start = int(torch.randint(2**62, (), generator=self.order))
        devices = {p.device for p in model.parameters()} | {b.device for b in model.buffers()}
        self._cuda = sorted({d.index or 0 for d in devices if d.type == "cuda"})

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Start the process's generators from the seed; give them back as they were."""
        with torch.random.fork_rng(self._cuda):
            torch.default_generator.manual_seed(self._start)
            for index in self._cuda:
                with torch.cuda.device(index):
                    torch.cuda.manual_seed(self._start)
            yield

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Undo what is drawn in between: looking at a model does not change how it is trained."""
        with torch.random.fork_rng(self._cuda):
            yield

    def state(self) -> dict[str, Tensor]:
        """Return all that the next random numbers depend on."""
        cuda = {f"cuda:{index}": torch.cuda.get_rng_state(index) for index in self._cuda}
        others = {f"other:{k}": other.get_state() for k, other in enumerate(self.others)}
        own = {"order": self.order.get_state(), "cpu": torch.get_rng_state()}
        return own | cuda | others

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a state; within :meth:`lent`."""
        self.order.set_state(state["order"])
        torch.set_rng_state(state["cpu"])
        for index in self._cuda:
            torch.cuda.set_rng_state(state[f"cuda:{index}"], index)
        for k, other in enumerate(self.others):
            other.set_state(state[f"other:{k}"])
