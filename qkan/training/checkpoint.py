"""The state of a training in a file, from which it goes on as if it had never stopped.

The file is read as numbers and words: nothing in it is executed. The one before it is kept beside
it, ``NAME.previous``, until the next one is whole.
"""

from __future__ import annotations

import glob
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from circuits.errors import UsageError
from qkan.tensor_file import (
    DamagedFileError,
    OtherFormatError,
    TensorFile,
    read_tensor_file,
    write_tensor_file,
)

__all__ = ["CheckpointWarning", "pack", "prepare", "read_newest", "unpack", "write"]

_FORMAT = "hybrid-qkan training 1"
_log = logging.getLogger(__name__)


class CheckpointWarning(UserWarning):
    """A checkpoint that could not be read; the training goes on from an older one, or anew."""


def write(path: Path, facts: dict[str, Any], state: Any) -> None:
    """Write a checkpoint, and keep the one before it until it is there.

    Args:
        path: The file.
        facts: What the checkpoint belongs to; what JSON can hold.
        state: Dictionaries and lists of numbers, words and tensors.

    Raises:
        UsageError: If it cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    words = pack(state, tensors)
    if path.exists():
        try:
            os.replace(path, _previous(path))
        except OSError as error:
            raise UsageError(f"cannot write the checkpoint {path}: {error}") from error
    write_tensor_file(path, _FORMAT, {"of": facts, "state": words}, tensors)


def prepare(path: Path) -> None:
    """Make sure, before a long training begins, that its checkpoints can be written.

    What a writer that was killed left of the same checkpoint is removed.

    Raises:
        UsageError: If the path is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"the checkpoint is a file, but {path} is a folder; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for unfinished in path.parent.glob(f"{glob.escape(path.stem)}-????????.tmp"):
            unfinished.unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageError(f"checkpoints cannot be written to {path}: {error}") from error


def read_newest(path: Path, usable: Callable[[dict[str, Any]], None]) -> Any:
    """Return the state in the newest checkpoint that is whole, or None if there is none.

    A damaged one is moved aside, to ``NAME.damaged``, and reported by a
    :class:`CheckpointWarning`, which says what is done instead.

    Args:
        path: The file.
        usable: Looks at the facts, and raises if the checkpoint belongs to something else.

    Raises:
        UsageError: If what is there is no checkpoint of a training.
    """
    for file in (path, _previous(path)):
        try:
            found = read_tensor_file(file, _FORMAT)
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
        usable(found.facts["of"])
        _log.info("training goes on from %s", file)
        return unpack(found.facts["state"], found)
    return None


def pack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a tree as JSON has it, its tensors replaced by names under which they are kept.

    Args:
        tree: Dictionaries, lists and tuples of numbers, words, None and tensors.
        tensors: Receives the tensors.

    Example:
        >>> import torch
        >>> kept = {}
        >>> pack({"state": {0: [torch.zeros(2), None]}}, kept)
        {'dict': [['state', {'dict': [[0, {'list': [{'tensor': '0'}, None]}]]}]]}
        >>> list(kept)
        ['0']
    """
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        tensors[name] = tree
        return {"tensor": name}
    if isinstance(tree, dict):
        return {"dict": [[key, pack(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        return {type(tree).__name__: [pack(value, tensors) for value in tree]}
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise UsageError(f"a checkpoint holds numbers, words and tensors, not {type(tree).__name__}")


def unpack(words: Any, file: TensorFile) -> Any:
    """Return the tree that :func:`pack` was given."""
    if not isinstance(words, dict):
        return words
    ((kind, content),) = words.items()
    if kind == "tensor":
        return file.tensors[content]
    if kind == "dict":
        return {key: unpack(value, file) for key, value in content}
    items = [unpack(value, file) for value in content]
    return tuple(items) if kind == "tuple" else items


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")
