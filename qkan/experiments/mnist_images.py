"""Which images of MNIST a model learns from, is chosen by and is tested on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from circuits.errors import UsageError
from qkan.data import MNIST, mnist

__all__ = ["Images"]


@dataclass(frozen=True)
class Images:
    """The part of MNIST that a study uses, and so its protocol.

    Attributes:
        full: All of MNIST, or the 5,000 training and 1,000 test images inside the package.
        train: How many training images are learnt from, the first ones.
        validation: How many of the training images that follow choose the epoch. With none the test images do, as in
            the published notebook: its accuracies are then the best of many looks at the test set.
        test: How many test images there are.
        pixels: ``"unit"`` (0 to 1) or ``"symmetric"`` (-1 to 1).
        sha256: The checksum of all images that were read.
    """

    full: bool
    train: int
    validation: int
    test: int
    pixels: Literal["unit", "symmetric"] = "unit"
    sha256: str = field(default="", repr=False)

    @classmethod
    def of(
        cls,
        *,
        full: bool = False,
        train: int | None = None,
        validation: int = 0,
        test: int | None = None,
        pixels: Literal["unit", "symmetric"] = "unit",
        data_dir: Path | None = None,
    ) -> Images:
        """Read the images once, so that what is missing is missed now, and return the choice.

        Args:
            full: See :class:`Images`.
            train: How many; by default all that are not for validation.
            validation: How many.
            test: How many; by default all.
            pixels: See :class:`Images`.
            data_dir: Where all of MNIST is, or goes.

        Raises:
            UsageError: If there are fewer images than asked for, or none.

        Example:
            >>> images = Images.of(validation=500)
            >>> images.train, images.validation, images.test
            (4500, 500, 1000)
        """
        digits = mnist(full=full, data_dir=data_dir)
        available, tests = len(digits.train_labels), len(digits.test_labels)
        n = available - validation if train is None else train
        m = tests if test is None else test
        if min(n, m) < 1 or validation < 0:
            raise UsageError(
                f"expected training and test images, got {n:,} and {m:,}, with {validation:,} for validation"
            )
        hint = "" if full else "; ask for all of MNIST with --full"
        if n + validation > available or m > tests:
            raise UsageError(
                f"expected at most {available:,} images for training and validation and {tests:,} for the test, got "
                f"{n:,} + {validation:,} and {m:,}{hint}"
            )
        return cls(full, n, validation, m, pixels, digits.sha256)

    @property
    def settings(self) -> dict[str, Any]:
        """The choice as a mapping, for the settings of a task."""
        return asdict(self)

    @property
    def facts(self) -> dict[str, Any]:
        """What a report says of the data."""
        source = "MNIST, all of it" if self.full else "MNIST, the first 5,000/1,000 images"
        return {"source": source, "sha256": self.sha256}

    @property
    def chosen_on(self) -> str:
        """Which images choose the epoch, in words."""
        if self.validation:
            return f"{self.validation:,} validation images"
        return f"the {self.test:,} test images"

    def scaled(self, images: Tensor) -> Tensor:
        """Return 8-bit images as float32 in the range of ``pixels``."""
        unit = images.float() / 255
        return unit if self.pixels == "unit" else 2 * unit - 1

    def split(self, digits: MNIST) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and labels to learn from, to choose the epoch by, and to test on."""
        n, m, k = self.train, self.validation, self.test
        test = (digits.test_images[:k], digits.test_labels[:k])
        yield digits.train_images[:n], digits.train_labels[:n]
        yield (digits.train_images[n : n + m], digits.train_labels[n : n + m]) if m else test
        yield test
