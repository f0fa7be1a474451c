"""Training and validation data: tensors in memory, which are indexed, or a DataLoader."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, TensorDataset

from circuits.errors import UsageError

__all__ = ["Batch", "Data", "Loader", "Tensors", "as_data", "checksums"]

Batch: TypeAlias = tuple[Tensor, Tensor, Tensor | None]
"""Inputs, targets, and the weights of the samples or None."""


@dataclass(frozen=True)
class Tensors:
    """Data in memory. Weights are scaled to the mean 1; some of them may be negative.

    Shape:
        Inputs ``(N, ...)``, targets ``(N, ...)``, weights ``(N,)``.
    """

    x: Tensor
    y: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def batches(
        self, size: int | None, generator: torch.Generator | None = None, drop_last: bool = False
    ) -> Iterator[Batch]:
        """Yield batches, in the order of the data or, with a generator, in one that it draws."""
        count = len(self)
        size = count if size is None else size
        stop = count - count % size if drop_last else count
        order = None if generator is None else torch.randperm(count, generator=generator)
        on_x, on_y = (None if order is None else order.to(t.device) for t in (self.x, self.y))

        def part(values: Tensor, order: Tensor | None, start: int) -> Tensor:
            end = start + size
            return values[start:end] if order is None else values.index_select(0, order[start:end])

        for start in range(0, stop, size):
            weights = None if self.weights is None else part(self.weights, on_y, start)
            yield part(self.x, on_x, start), part(self.y, on_y, start), weights

    def steps(self, size: int | None, drop_last: bool) -> int:
        """Return the number of batches."""
        size = len(self) if size is None else size
        return len(self) // size if drop_last else -(-len(self) // size)


@dataclass(frozen=True)
class Loader:
    """Batches that something else makes, such as a ``torch.utils.data.DataLoader``."""

    source: Iterable[Any]
    name: str

    def batches(self, *_: object) -> Iterator[Batch]:
        """Yield the source's batches, checked."""
        empty = True
        for item in self.source:
            empty = False
            if not isinstance(item, list | tuple) or not 2 <= len(item) <= 3:
                raise UsageError(
                    f"the {self.name} data must give (inputs, targets) or (inputs, targets, "
                    f"weights), got {type(item).__name__}; use a DataLoader with such batches"
                )
            x, y, weights = _checked(self.name, *item)
            if weights is not None and weights.shape != (len(x),):
                raise UsageError(
                    f"weights are one number a sample, got shape {tuple(weights.shape)}"
                )
            yield x, y, weights
        if empty:
            raise UsageError(
                f"the {self.name} data are empty; what they come from must give its batches anew in "
                "every epoch, as a DataLoader does and a generator does not (nor does one with drop_last and fewer "
                "samples than a batch)"
            )

    def steps(self, *_: object) -> int | None:
        """Return the number of batches where it is known."""
        try:
            return len(self.source) if isinstance(self.source, Sized) else None
        except TypeError:  # a DataLoader of an IterableDataset
            return None

    def parts(self) -> list[Any]:
        """Return the source, its samplers and its data sets, those within others included."""
        found = [self.source]
        for part in found:
            inside = list(getattr(part, "__dict__", {}).values())
            inside += [v for value in inside if isinstance(value, list | tuple) for v in value]
            samplers = [getattr(part, name, None) for name in ("sampler", "batch_sampler")]
            for value in [*inside, *samplers]:
                known = isinstance(value, Sampler | Dataset) or any(value is s for s in samplers)
                if known and value is not None and not any(value is other for other in found):
                    found.append(value)
        return found

    def generators(self) -> list[torch.Generator]:
        """Return the generators that the source, its samplers and its data sets were given."""
        values = (v for part in self.parts() for v in getattr(part, "__dict__", {}).values())
        return list({id(g): g for g in values if isinstance(g, torch.Generator)}.values())

    def counters(self) -> list[dict[str, int]]:
        """Return the whole numbers in samplers and data sets, some of which may count epochs."""
        whole = ({k: v for k, v in vars(p).items() if type(v) is int} for p in self._inner())
        return list(whole)

    def set_counters(self, values: list[dict[str, int]]) -> None:
        """Go on counting from there."""
        for part, numbers in zip(self._inner(), values, strict=True):
            for name in numbers.keys() & vars(part).keys():
                if vars(part)[name] != numbers[name]:
                    setattr(part, name, numbers[name])

    def _inner(self) -> list[Any]:
        return [part for part in self.parts()[1:] if hasattr(part, "__dict__")]

    def require_resumable(self) -> None:
        """Refuse, for a training with a checkpoint, what draws numbers that no checkpoint has.

        Raises:
            UsageError: If there are workers that live on, generators of another kind, or an iterator.
        """
        if getattr(self.source, "persistent_workers", False):
            raise UsageError(
                "persistent_workers keep random numbers of their own, which no checkpoint has; use persistent_workers="
                "False, or no checkpoint"
            )
        for part in self.parts():
            for name, value in getattr(part, "__dict__", {}).items():
                if isinstance(
                    value, np.random.Generator | np.random.RandomState | random.Random | Iterator
                ):
                    raise UsageError(
                        f"{type(part).__name__}.{name} is a {type(value).__name__}, whose state no checkpoint has: "
                        "the training could not go on exactly; use a torch.Generator, or no checkpoint"
                    )


Data: TypeAlias = Tensors | Loader


def as_data(name: str, given: Any) -> Data:
    """Return what was given as data, checked.

    Args:
        name: ``training`` or ``validation``, for the errors.
        given: A tuple of tensors: inputs, targets and perhaps weights; or something that gives such
            batches in every epoch.

    Raises:
        UsageError: If they are empty, of different lengths, or not finite.
    """
    if isinstance(given, Tensors | Loader):
        return given
    if isinstance(given, TensorDataset):
        given = given.tensors
    pair = isinstance(given, tuple | list) and bool(given)
    if pair and all(isinstance(part, Tensor) for part in given):
        if not 2 <= len(given) <= 3:
            raise UsageError(
                f"the {name} data are (inputs, targets) or (inputs, targets, weights), got "
                f"{len(given)} tensors"
            )
        x, y, weights = _checked(name, *given)
        return Tensors(x, y, None if weights is None else _scaled(name, x, y, weights))
    if isinstance(given, tuple | Tensor | Dataset | dict | str) or not hasattr(given, "__iter__"):
        kinds = [type(part).__name__ for part in given] if pair else type(given).__name__
        raise UsageError(
            f"the {name} data must be tensors (inputs, targets) or a DataLoader, got {kinds}; "
            "torch.as_tensor makes tensors of arrays, of a table's to_numpy()"
        )
    return Loader(given, name)


def _checked(name: str, x: Any, y: Any, weights: Any = None) -> Batch:
    tensors = {"inputs": x, "targets": y} | ({} if weights is None else {"weights": weights})
    for what, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise UsageError(f"the {name} {what} must be a tensor, got {type(tensor).__name__}")
        if tensor.ndim == 0 or len(tensor) == 0:
            raise UsageError(f"the {name} {what} are empty, of shape {tuple(tensor.shape)}")
        if len(tensor) != len(x):
            raise UsageError(
                f"the {name} data have {len(x)} inputs but {len(tensor)} {what}; give one each"
            )
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            bad = int((~tensor.isfinite().reshape(len(tensor), -1).all(1)).sum())
            raise UsageError(
                f"{bad} of {len(tensor)} {name} samples have {what} that are NaN or infinite; "
                "clean the data first"
            )
    return x, y, weights


def _scaled(name: str, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    if weights.shape != (len(x),):
        raise UsageError(f"weights are one number a sample, got shape {tuple(weights.shape)}")
    weights = weights.double()
    mean = weights.mean()
    if not mean > 0:
        raise UsageError(
            f"the {name} weights sum to {float(weights.sum()):g}; single weights may be "
            "negative, their sum must be positive"
        )
    return (weights / mean).to(y.device)


def checksums(data: Data | None) -> list[int] | None:
    """Return what tells tensors apart, the number of samples and checksums; None for other data."""
    if not isinstance(data, Tensors):
        return None
    parts = [part for part in (data.x, data.y, data.weights) if part is not None]
    raw = (part.detach().cpu().contiguous().view(-1).view(torch.uint8) for part in parts)
    return [len(data), *(zlib.crc32(values.numpy().data) for values in raw)]
