"""Samples of jets: observables, images and labels, from a file that describes itself."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError, unknown_name

__all__ = ["JetSample", "binary_labels", "quark_gluon", "read_npz", "read_sample", "sample_bytes"]

EMBEDDED_FILE = "quark-gluon-10000.npz"
EMBEDDED_SHA256 = "797216b65ec1bce6256d1ecc19c935c0568f2511cdd06a2eb5b9998f49b14996"
_SPLIT = {"train": (0, 6000), "validation": (6000, 7000), "test": (7000, 10000)}
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, NotImplementedError, SyntaxError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What zip, zlib and NumPy raise for content that is not what it says."""
_ARRAYS = ("observables", "images", "labels")


@dataclass(frozen=True, eq=False)
class JetSample:
    """Jets of two classes, in random order.

    Attributes:
        observables: One row a jet, float32 ``(N, K)``.
        images: Grey values, uint8 ``(N, 1, P, P)``; see :func:`qkan.data.jets.images`.
        labels: 1 for signal, 0 for background, int64 ``(N,)``.
        weights: Weight of each jet, float64 ``(N,)``; a generator may give negative ones.
        names: What the columns of ``observables`` are called.
        metadata: Generator, versions, settings, seed, licence: whatever the file tells.

    Raises:
        UsageError: If shapes do not fit, an observable or weight is not finite, or a label is neither 0 nor 1.
    """

    observables: npt.NDArray[np.float32]
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    names: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = {len(self.observables), len(self.images), len(self.labels), len(self.weights)}
        if len(counts) > 1:
            raise UsageError(
                f"a sample needs as many observables, images, labels and weights; got "
                f"{len(self.observables)}, {len(self.images)}, {len(self.labels)} and {len(self.weights)}."
            )
        if self.observables.ndim != 2 or self.observables.shape[1] != len(self.names):
            raise UsageError(
                f"expected observables of shape (jets, {len(self.names)}), one column for each of "
                f"{', '.join(self.names)}; got {self.observables.shape}."
            )
        if self.images.ndim != 4 or self.labels.ndim != 1 or self.weights.ndim != 1:
            raise UsageError(
                "expected images (jets, 1, pixels, pixels), labels (jets,) and weights (jets,), got "
                f"{self.images.shape}, {self.labels.shape} and {self.weights.shape}."
            )
        wrong = np.argwhere(~np.isfinite(self.observables))
        if len(wrong):
            jet, column = wrong[0]
            raise UsageError(
                f"{len(wrong)} observables are NaN or infinite, first {self.names[column]} of jet {jet}."
            )
        if not np.isfinite(self.weights).all():
            raise UsageError("a jet's weight is NaN or infinite.")
        if not np.isin(self.labels, (0, 1)).all():
            raise UsageError(
                f"labels must be 1 (signal) or 0 (background), got {np.unique(self.labels)}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, jets: slice) -> JetSample:
        """Return some of the jets."""
        return replace(
            self,
            observables=self.observables[jets],
            images=self.images[jets],
            labels=self.labels[jets],
            weights=self.weights[jets],
        )

    def inputs(self, *names: str) -> npt.NDArray[np.float32]:
        """Return columns of the observables by their names, ``(N, number of names)``.

        Raises:
            UsageError: If there is no such observable.
        """
        for name in names:
            if name not in self.names:
                raise unknown_name("observable", name, self.names)
        return self.observables[:, [self.names.index(name) for name in names]]

    def part(self, name: str) -> JetSample:
        """Return the training, validation or test jets: 60, 10 and 30 % of the sample, in its order.

        Raises:
            UsageError: If the name is none of ``train``, ``validation`` and ``test``.
        """
        if name not in _SPLIT:
            raise unknown_name("part", name, _SPLIT)
        start, stop = (len(self) * edge // 10_000 for edge in _SPLIT[name])
        return self[start:stop]


def quark_gluon() -> JetSample:
    """Return the 10,000 quark (signal) and gluon (background) jets that ship inside the package.

    They are simulated at the level of particles: no detector, no pile-up, one generator. ``metadata``
    tells the generator's versions, settings and seed; CC0.

    Raises:
        UsageError: If the installed file is damaged.

    Example:
        >>> jets = quark_gluon()
        >>> len(jets.part("train")), len(jets.part("validation")), len(jets.part("test"))
        (6000, 1000, 3000)
        >>> jets.inputs("multiplicity", "width").shape
        (10000, 2)
    """
    content = (resources.files("qkan.data") / "files" / EMBEDDED_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != EMBEDDED_SHA256:
        raise UsageError(
            f"the installed file {EMBEDDED_FILE} is damaged; install hybrid-qkan again."
        )
    return _parse(content, EMBEDDED_FILE)


def read_sample(path: str | Path) -> JetSample:
    """Return a sample that :func:`sample_bytes` or ``qkan jets generate`` made.

    Raises:
        UsageError: If the file is missing, truncated or not such a file.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _parse(content, str(path))


def sample_bytes(sample: JetSample) -> bytes:
    """Return a file's content that :func:`read_sample` reads; the same sample gives the same bytes."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "observables": sample.observables,
        "images": sample.images,
        "labels": sample.labels.astype(np.uint8),
        "weights": sample.weights,
        "names": np.array(sample.names),
        "metadata": np.array(json.dumps(dict(sample.metadata), sort_keys=True)),
    }
    if (sample.weights == 1).all():
        del arrays["weights"]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _parse(content: bytes, name: str) -> JetSample:
    members = (*_ARRAYS, "names", "metadata", "weights")
    arrays = read_npz(io.BytesIO(content), name, members[:-1], members[-1:])
    try:
        metadata = json.loads(str(arrays["metadata"]))
    except ValueError as error:
        raise UsageError(f"{name}: the metadata are no JSON ({error}).") from error
    if not isinstance(metadata, dict):
        raise UsageError(f"{name}: the metadata are no mapping.")
    numbers = {key: arrays.get(key) for key in ("observables", "images", "weights")}
    for key, array in numbers.items():
        if array is not None and array.dtype.kind not in "fiu":
            raise UsageError(f"{name}: expected numbers in {key}, got {array.dtype}.")
    labels = binary_labels(name, arrays["labels"])
    return JetSample(
        arrays["observables"],
        arrays["images"],
        labels,
        arrays.get("weights", np.ones(len(labels))),
        tuple(str(n) for n in np.atleast_1d(arrays["names"])),
        metadata,
    )


def read_npz(
    file: BinaryIO, name: str, needed: Sequence[str], more: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Return arrays of an npz file, those of ``more`` if they are there.

    Raises:
        UsageError: If it is truncated, damaged or no npz file, or an array is missing; ``name`` names it.
    """
    try:
        with np.load(file, allow_pickle=False) as found:
            there = getattr(found, "files", [])
            arrays = {m: found[m] for m in (*needed, *more) if m in there}
    except MemoryError as error:
        raise UsageError(f"{name} announces more numbers than memory holds: {error}") from error
    except _DAMAGE as error:
        raise UsageError(f"{name} is truncated, damaged or no npz file: {error}") from error
    missing = [member for member in needed if member not in arrays]
    if missing:
        raise UsageError(
            f"{name} has no {', '.join(missing)}; it has {', '.join(there) or 'one array'}."
        )
    return arrays


def binary_labels(name: str | Path, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return labels as integers: 1 for signal, 0 for background, ``(N,)``.

    Raises:
        UsageError: If they are others.
    """
    if values.ndim != 1 or not len(values) or not np.isin(values, (0, 1)).all():
        some = ", ".join(map(str, np.unique(values.astype(str))[:5]))
        raise UsageError(
            f"{name}: expected labels (N,), 1 (signal) or 0 (background), got shape {values.shape} of {some or 'none'}."
        )
    return values.astype(np.int64)
