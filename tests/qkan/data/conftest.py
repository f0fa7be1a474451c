from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class FakeMNIST:
    """Four tiny IDX files, with the table of their MD5s."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        shapes = [(7, 28, 28), (7,), (4, 28, 28), (4,)]
        self.arrays = [rng.integers(0, 10, shape, dtype=np.uint8) for shape in shapes]
        self.contents = {n: self.idx_bytes(a) for n, a in zip(NAMES, self.arrays, strict=True)}

    @staticmethod
    def idx_bytes(array: np.ndarray) -> bytes:
        """The content of an IDX file, the inverse of ``parse_idx``."""
        sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
        return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()

    @property
    def md5(self) -> Mapping[str, str]:
        return {name: hashlib.md5(data).hexdigest() for name, data in self.contents.items()}

    def write(self, folder: Path, zipped: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.contents.items():
            file = folder / (f"{name}.gz" if zipped else name)
            file.write_bytes(gzip.compress(data) if zipped else data)
        return folder


@pytest.fixture(scope="module")
def idx_bytes():
    return FakeMNIST.idx_bytes


@pytest.fixture
def fake() -> FakeMNIST:
    return FakeMNIST()
