"""A sample in parts: each made alone, from a seed of its own, so that it may be made anywhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qkan.data.jets.generator import generate
from qkan.data.jets.images import images
from qkan.data.jets.observables import observables
from qkan.data.jets.processes import process

__all__ = ["CHUNK", "PIXELS", "chunk_seed", "make_chunk"]

CHUNK = 100
"""Jets in a chunk: some ten seconds of work are lost at most when a run is killed."""

PIXELS = 18
"""Pixels a side of a jet image: at R = 0.4 one is 0.044 wide, the core is one two-by-two patch."""


def chunk_seed(seed: int, label: int, index: int) -> int:
    """Return the seed of Pythia for a chunk of a class, from 1 to 900,000,000.

    Example:
        >>> len({chunk_seed(0, label, index) for label in (0, 1) for index in range(100)})
        200
    """
    state = np.random.SeedSequence(seed, spawn_key=(label, index)).generate_state(1)[0]
    return 1 + int(state) % 900_000_000


def make_chunk(
    name: str, label: int, index: int, jets: int, seed: int
) -> dict[str, npt.NDArray[np.generic]]:
    """Return one chunk of jets of one class.

    Args:
        name: Of the process.
        label: 1 for signal, 0 for background.
        index: Number of the chunk.
        jets: How many.
        seed: Of the whole sample.

    Shape:
        ``constituents`` (N, M, 4), float32: pt, y, phi, pid; ``observables`` (N, 12), float32;
        ``images`` (N, 1, 18, 18), uint8; ``labels`` (N,), int64.

    Raises:
        UsageError: If there is no such process or a number is out of range.
        MissingExtraError: If a program that makes jets is not installed.
    """
    recipe = process(name)
    found = generate(recipe, label, jets, chunk_seed(seed, label, index))
    return {
        "constituents": found.particles,
        "observables": observables(found, recipe.radius),
        "images": images(found, recipe.radius, PIXELS),
        "labels": np.full(jets, label, np.int64),
    }
