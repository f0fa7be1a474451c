from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


class FakeMNIST:
    """Four tiny IDX files, with the table of their MD5s."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        shapes = [(7, 28, 28), (7,), (4, 28, 28), (4,)]
        self.arrays = [rng.integers(0, 10, shape, dtype=np.uint8) for shape in shapes]
        self.contents = {n: _idx_bytes(a) for n, a in zip(NAMES, self.arrays, strict=True)}

    @property
    def md5(self) -> Mapping[str, str]:
        return {name: hashlib.md5(data).hexdigest() for name, data in self.contents.items()}

    def write(self, folder: Path, zipped: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.contents.items():
            file = folder / (f"{name}.gz" if zipped else name)
            file.write_bytes(gzip.compress(data) if zipped else data)
        return folder


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """The writer of IDX files, the inverse of ``parse_idx``."""
    return _idx_bytes


@pytest.fixture
def fake() -> FakeMNIST:
    return FakeMNIST()
