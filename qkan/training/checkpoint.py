"""All that a training goes on from: its random numbers, and its state in a file.

The file is read as numbers and words: nothing in it is executed. The one before it is kept beside
it, ``NAME.previous``, until the next one is whole.
"""

from __future__ import annotations

import glob
import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.store import DamagedFileError, OtherFormatError, read_tensors, write_tensors
from qkan.training.data import Data, Loader

__all__ = ["CheckpointWarning", "Randomness", "held", "read_newest", "write"]

_FORMAT = "hybrid-qkan training 1"
_log = logging.getLogger(__name__)


class CheckpointWarning(UserWarning):
    """A checkpoint that could not be read; the training goes on from an older one, or anew."""


class Randomness:
    """The order of the data, and what layers such as dropout draw; all of it from one seed.

    Torch's layers draw from the process's generators, data sets from NumPy's and Python's, too. These are lent to the
    training within :meth:`lent`, and are afterwards as they were.

    Args:
        seed: Where all sequences start.
        model: Whose devices have generators that its layers may draw from.
        data: Those of loaders may have generators of their own, which are kept in the state and not seeded.
    """

    def __init__(self, seed: int, model: nn.Module, *data: Data | None) -> None:
        self.loaders = [part for part in data if isinstance(part, Loader)]
        self.order = torch.Generator().manual_seed(seed)
        self._start = int(torch.randint(2**62, (), generator=self.order))
        devices = {p.device for p in model.parameters()} | {b.device for b in model.buffers()}
        self._cuda = sorted({d.index or 0 for d in devices if d.type == "cuda"})

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Start the process's generators from the seed; give them back as they were."""
        with self.set_aside():
            torch.default_generator.manual_seed(self._start)
            random.seed(self._start)
            np.random.seed(self._start % 2**32)  # data sets draw from it
            for index in self._cuda:
                with torch.cuda.device(index):
                    torch.cuda.manual_seed(self._start)
            yield

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Undo what is drawn in between: looking at a model does not change how it is trained."""
        python, numpy = random.getstate(), np.random.get_state()
        try:
            with torch.random.fork_rng(self._cuda):
                yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)

    def state(self) -> dict[str, Any]:
        """Return all that the next random numbers, and the next order of the data, depend on."""
        cuda = {f"cuda:{index}": torch.cuda.get_rng_state(index) for index in self._cuda}
        own = {"order": self.order.get_state(), "cpu": torch.get_rng_state()}
        others = {f"other:{k}": other.get_state() for k, other in enumerate(self._others())}
        kind, numbers, *rest = np.random.get_state()
        words = torch.tensor(np.asarray(numbers).astype(np.int64))
        more = {"python": random.getstate(), "numpy": (kind, words, *rest)}
        return own | cuda | others | more | {"counters": [d.counters() for d in self.loaders]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; within :meth:`lent`."""
        self.order.set_state(state["order"])
        torch.set_rng_state(state["cpu"])
        for index in self._cuda:
            torch.cuda.set_rng_state(state[f"cuda:{index}"], index)
        for k, other in enumerate(self._others()):
            other.set_state(state[f"other:{k}"])
        if "python" in state:  # the first version had neither
            random.setstate(state["python"])
            kind, words, *rest = state["numpy"]
            np.random.set_state((kind, words.numpy().astype(np.uint32), *rest))
        for loader, counters in zip(self.loaders, state.get("counters", []), strict=False):
            loader.set_counters(counters)

    def _others(self) -> list[torch.Generator]:
        found = {id(g): g for loader in self.loaders for g in loader.generators()}
        return list(found.values())


def write(path: Path, facts: dict[str, Any], state: Any) -> None:
    """Write a checkpoint, and keep the one before it until it is there.

    Args:
        path: The file.
        facts: What the checkpoint belongs to; what JSON can hold.
        state: Dictionaries and lists of numbers, words and tensors.
    """
    tensors: dict[str, Tensor] = {}
    words = _pack(state, tensors)
    try:
        if path.exists():
            os.replace(path, _previous(path))
    except OSError as error:
        raise UsageError(f"cannot write the checkpoint {path}: {error}") from error
    write_tensors(path, _FORMAT, {"of": facts, "state": words}, tensors)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep others from a checkpoint; make sure that it can be written; remove what a killed writer left.

    Raises:
        UsageError: If it cannot, or another training writes it.
    """
    if path.is_dir():
        raise UsageError(f"the checkpoint is a file, but {path} is a folder; name a file in it")
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"another training is writing the checkpoint {path}; wait for it, or name another file"
        ) from error
    except OSError as error:
        raise UsageError(f"checkpoints cannot be written to {path}: {error}") from error
    try:
        for unfinished in path.parent.glob(f"{glob.escape(path.name)}-????????.tmp"):
            unfinished.unlink(missing_ok=True)
        yield
    finally:
        with suppress(OSError):  # before it is given back: who waits for it sees it held
            os.unlink(lock.lock_file)
        lock.release()


def read_newest(path: Path, usable: Callable[[dict[str, Any]], None]) -> Any:
    """Return the state in the newest checkpoint that is whole, or None if there is none.

    A damaged one is moved aside, to ``NAME.damaged``, with a :class:`CheckpointWarning` that says what is done instead.
    ``usable`` looks at the facts, and raises if the checkpoint belongs to something else.
    """
    for file in (path, _previous(path)):
        try:
            found = read_tensors(file, _FORMAT)
        except FileNotFoundError:
            continue
        except OtherFormatError as error:
            raise UsageError(f"{error}; choose another file for the checkpoint") from error
        except DamagedFileError as error:
            aside = file.with_name(f"{file.name}.damaged")
            os.replace(file, aside)
            older = file == path and _previous(path).exists()
            instead = "goes on from the epoch before" if older else "starts anew"
            message = f"{error}. It was moved to {aside.name}; the training {instead}."
            warnings.warn(message, CheckpointWarning, stacklevel=2)
            continue
        facts = found.facts.get("of")
        if not isinstance(facts, dict):
            raise UsageError(f"{path} does not say of what training it is; choose another file")
        usable(facts)
        _log.info("training goes on from %s", file)
        return _unpack(found.facts.get("state"), found.arrays)
    return None


def _pack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a tree as JSON has it; its tensors are named by numbers and put into ``tensors``."""
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        tensors[name] = tree
        return {"tensor": name}
    if isinstance(tree, dict):  # pairs: an optimiser's keys are numbers, which JSON has not
        return {"dict": [[key, _pack(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        return {type(tree).__name__: [_pack(value, tensors) for value in tree]}
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise UsageError(f"a checkpoint holds numbers, words and tensors, not {type(tree).__name__}")


def _unpack(words: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the tree that :func:`_pack` was given."""
    if not isinstance(words, dict):
        return words
    ((kind, content),) = words.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(value, tensors) for key, value in content}
    items = [_unpack(value, tensors) for value in content]
    return tuple(items) if kind == "tuple" else items


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")
