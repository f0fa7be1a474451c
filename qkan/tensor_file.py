"""Files of named tensors that say what they are and prove that they are whole.

They are safetensors files, which hold no code. Their header has three texts beside the tensors'
names, types and shapes: ``format``, what kind of file it is; ``facts``, JSON; ``sha256``, the hash
of both and of the tensors, by which a file is found out that was changed or cut.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from circuits.errors import UsageError
from qkan.cache.files import write_whole

__all__ = [
    "DamagedFileError",
    "OtherFormatError",
    "TensorFile",
    "read_tensor_file",
    "write_tensor_file",
]


class DamagedFileError(UsageError):
    """A file that cannot be read, or of which something was changed or is missing."""


class OtherFormatError(UsageError):
    """A readable file that holds something else."""


@dataclass(frozen=True)
class TensorFile:
    """What a file held: facts in words and numbers, and tensors on the CPU."""

    facts: dict[str, Any]
    tensors: dict[str, Tensor]


def write_tensor_file(
    path: str | Path, format: str, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a file whole or not at all: first beside its place, then moved there.

    Args:
        path: The file; its folder is made if it is not there.
        format: What kind of file it is, and its version.
        facts: What JSON can hold.
        tensors: On any device.

    Raises:
        UsageError: If it cannot be written.
    """
    path = Path(path)
    # A copy each: safetensors refuses tensors that share memory.
    laid_out = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    texts = {"format": format, "facts": json.dumps(facts)}
    texts["sha256"] = _seal(texts, laid_out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, safetensors.torch.save(laid_out, texts), path.parent, mode=0o644)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error}") from error


def read_tensor_file(path: str | Path, format: str) -> TensorFile:
    """Read a file that :func:`write_tensor_file` wrote.

    Args:
        path: The file.
        format: What kind of file is expected.

    Raises:
        FileNotFoundError: If it is not there.
        DamagedFileError: If it is not a whole, unchanged safetensors file.
        OtherFormatError: If it is one of another format.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
            # Copies, for torch's own memory is aligned, and sums may depend on the alignment.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(f"{path} is not a whole safetensors file: {error}") from error
    if texts.get("format") != format:
        found = repr(texts["format"]) if "format" in texts else "a file of another program"
        raise OtherFormatError(f"{path} is {found}, not {format!r}")
    if texts.get("sha256") != _seal(texts, tensors):
        raise DamagedFileError(f"{path} is damaged: its content and its checksum differ")
    return TensorFile(json.loads(texts["facts"]), tensors)


def _seal(texts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    digest.update(json.dumps([texts.get("format"), texts.get("facts")]).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
