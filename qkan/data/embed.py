"""The command that made the embedded file: ``python -m qkan.data.embed FOLDER OUTPUT.npz``.

``FOLDER`` holds MNIST's four IDX files. The SHA-256 that it prints belongs into ``mnist.py`` (the
same pixels give another file, and another SHA-256, if another zlib compresses them).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from qkan.data.folder import load_folder

__all__ = ["embed"]


def embed(folder: Path, output: Path, train: int = 5000, test: int = 1000) -> str:
    """Write the first images of MNIST to an npz file and return the file's SHA-256.

    Args:
        folder: Where MNIST's four IDX files are; their MD5 is checked, nothing is downloaded.
        output: The file to write, ``.npz``.
        train: The number of training images.
        test: The number of test images.

    Raises:
        UsageError: If a file is missing or damaged.
    """
    train_images, train_labels, test_images, test_labels = load_folder(folder, download=False)
    np.savez_compressed(
        output,
        train_images=train_images[:train],
        train_labels=train_labels[:train],
        test_images=test_images[:test],
        test_labels=test_labels[:test],
    )
    return hashlib.sha256(output.read_bytes()).hexdigest()


if __name__ == "__main__":
    print(embed(Path(sys.argv[1]), Path(sys.argv[2])))
