"""What every model shares: a description of what it is, files that bring it back, and chains of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from circuits.backends import Backend
from circuits.errors import UsageError, check_integer
from qkan.layers.checks import Evaluation, require_samples, require_tensor
from qkan.layers.quantum_kan import quantum_layers, use_backend
from qkan.models import files
from qkan.models.conversions import refine, to_classical
from qkan.models.pruning import PrunedLayer, prune

__all__ = ["Chain", "Model", "check_sizes"]


class Model(nn.Module):
    """A network that says what it is in words and numbers.

    Attributes:
        kind: The name of the class, in :data:`qkan.models.MODELS`.
    """

    kind: ClassVar[str]

    def spec(self) -> dict[str, Any]:
        """Return what the model is, as JSON has it: ``qkan.models.make(model.spec())`` is such a one.

        It follows the layers as they are: after pruning and refining, it says what is there.
        """
        raise NotImplementedError(f"{type(self).__name__} has no spec(), so it cannot be saved")

    def own_circuits(self) -> dict[str, Any]:
        """Return the circuits that are not the library's, as :meth:`load` wants them: ``edge``, ``filters``."""
        return {}

    @property
    def dtype(self) -> torch.dtype:
        """The type of the parameters, and of the inputs."""
        # Buffers too: a network of circuits without weights may have no parameters.
        values = chain(self.parameters(), self.buffers())
        return next(value.dtype for value in values if value.is_floating_point())

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def backend(self) -> Backend:
        """Where its circuits run; assign another one, or its name: see :func:`qkan.use_backend`."""
        return quantum_layers(self)[0].backend

    @backend.setter
    def backend(self, backend: str | Backend) -> None:
        use_backend(self, backend)

    @property
    def evaluate(self) -> Evaluation:
        """How its circuits are evaluated; may be assigned."""
        return quantum_layers(self)[0].evaluate

    @evaluate.setter
    def evaluate(self, evaluate: Evaluation) -> None:
        use_backend(self, evaluate=evaluate)

    def prune(self, x: Tensor | None = None, **options: Any) -> tuple[PrunedLayer, ...]:
        """Prune small edges, and nodes without edges, in place; see :func:`qkan.models.prune`."""
        return prune(self, x, **options)

    def refine(self, amount: int | None = None, **options: Any) -> Self:
        """Give edges more parameters in place, keep the function; see :func:`qkan.models.refine`."""
        refine(self, amount, **options)
        return self

    def use_backend(self, backend: str | Backend) -> Self:
        """Let the circuits run on another backend, in place; see :func:`qkan.use_backend`."""
        use_backend(self, backend)
        return self

    def to_classical(self) -> nn.Module:
        """Return the same function without quantum KAN layers; see :func:`qkan.models.conversions`."""
        return to_classical(self)

    def save(self, path: str | Path) -> None:
        """Write description and weights to a safetensors file, which holds no code.

        Raises:
            UsageError: If it cannot be written; what was there before is still there.
        """
        files.save(self, path)

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> Self:
        """Read a model that :meth:`save` wrote; its mode is that of a new one, training.

        Args:
            path: The file.
            options: Of the constructor, beside the description: ``device``; where the model has
                circuits, ``backend`` and ``evaluate``, and ``edge`` or ``filters`` for circuits of your own.

        Raises:
            UsageError: If the file is damaged, another program's, another model's, or its circuit
                is another.
        """
        file = files.read(path)
        if (kind := file.facts["spec"]["kind"]) != cls.kind:
            raise UsageError(
                f"{path} holds a {kind!r}, not a {cls.kind!r}; qkan.models.load finds the class"
            )
        return files.build(cls, file, path, **options)


class Chain(Model, nn.Sequential):
    r"""Layers one after the other, :math:`y = L_n \circ \dots \circ L_1(x)`, each where it is.

    Layers may be on different devices: what flows between them is moved. Images are flattened.

    Shape:
        - Input: ``(*, in_features)``, or images ``(N, C, H, W)`` with C H W = in_features.
        - Output: ``(*, out_features)``.

    Raises:
        UsageError: If an input has another shape or dtype.
    """

    @property
    def in_features(self) -> int:
        """Size of each input sample."""
        return int(self[0].in_features)

    def __getitem__(self, index: Any) -> Any:
        """Return a layer, or a plain sequence of several."""
        return (
            nn.Sequential(*list(self)[index])
            if isinstance(index, slice)
            else super().__getitem__(index)
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the last layer's outputs."""
        require_tensor(input, type(self).__name__)
        shape = input.shape
        image = len(shape) == 4 and shape[-1] != self.in_features
        if image and math.prod(shape[1:]) == self.in_features:
            input = input.flatten(1)
        require_samples(input, self.in_features, self.dtype, type(self).__name__)
        for layer in self:
            place = next(layer.parameters(), None)
            if place is not None and place.device != input.device:
                input = input.to(place.device)
            input = layer(input)
        return input


def check_sizes(sizes: Sequence[int]) -> list[int]:
    """Return the widths of a chain.

    Raises:
        UsageError: If there are fewer than two, or one is no positive integer.

    Example:
        >>> check_sizes(3)
        Traceback (most recent call last):
        circuits.errors.UsageError: sizes are at least two widths, such as [784, 32, 10], got 3
    """
    listed = hasattr(sizes, "__iter__") and getattr(sizes, "ndim", 1) == 1
    widths = list(sizes) if listed and not isinstance(sizes, str | dict | set) else []
    if len(widths) < 2:
        raise UsageError(f"sizes are at least two widths, such as [784, 32, 10], got {sizes!r}")
    return [check_integer(f"sizes[{k}]", width) for k, width in enumerate(widths)]
