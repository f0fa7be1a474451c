"""What every model shares: a configuration that says what it is, and files that bring it back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.config import from_mapping
from qkan.layers.checks import require_tensor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from qkan.models.pruning import PrunedLayer

__all__ = ["Chain", "Model", "check_sizes", "settled"]

C = TypeVar("C", bound="DataclassInstance")


class Model(nn.Module):
    """A network that is made from a configuration.

    A subclass names the class of its configurations; its constructor takes one and keeps it as
    ``config``.
    """

    Config: ClassVar[type[DataclassInstance]]
    config: DataclassInstance

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

    def prune(self, x: Tensor | None = None, **options: Any) -> tuple[PrunedLayer, ...]:
        """Prune small edges, and nodes without edges, in place; see :func:`qkan.models.pruning.prune`."""
        from qkan.models.pruning import prune

        return prune(self, x, **options)

    def to_classical(self) -> nn.Module:
        """Return the same function without quantum KAN layers; see :mod:`qkan.models.to_classical`."""
        from qkan.models.to_classical import to_classical

        return to_classical(self)

    def save(self, path: str | Path) -> None:
        """Write configuration and weights to a safetensors file, which holds no code.

        Raises:
            UsageError: If it cannot be written; what was there before is still there.
        """
        from qkan.models.checkpoint import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> Self:
        """Read a model that :meth:`save` wrote; its mode is that of a new one, training.

        Args:
            path: The file.
            options: Of the constructor, beside the configuration: ``device``; where the model has
                circuits, ``backend`` and ``evaluate``, and ``edge`` for a circuit of your own.

        Raises:
            UsageError: If the file is damaged, another program's, another model's, or its circuit
                is another.
        """
        from qkan.models.checkpoint import load_as

        return load_as(cls, path, **options)


class Chain(Model, nn.Sequential):
    r"""Layers one after the other, :math:`y = L_n \circ \dots \circ L_1(x)`, each where it is.

    Layers may be on different devices: what flows between them is moved. Images are flattened.

    Shape:
        - Input: ``(*, in_features)``, or images ``(N, C, H, W)`` with C H W = in_features.
        - Output: ``(*, out_features)``.

    Raises:
        UsageError: If an input has another shape or dtype.
    """

    in_features: int

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
        self._check(input)
        for layer in self:
            place = next(layer.parameters(), None)
            if place is not None and place.device != input.device:
                input = input.to(place.device)
            input = layer(input)
        return input

    def _check(self, input: Tensor) -> None:
        if input.ndim == 0 or input.shape[-1] != self.in_features:
            raise UsageError(
                f"{type(self).__name__}: expected an input of shape (..., {self.in_features}), or "
                f"images with as many pixels, got {tuple(input.shape)}"
            )
        if input.dtype != self.dtype:
            raise UsageError(
                f"{type(self).__name__}: expected {self.dtype}, the model's dtype, got {input.dtype}; "
                "convert the input or the model with .to(dtype)"
            )


def settled(kind: type[C], config: object, settings: Mapping[str, Any]) -> C:
    """Return the configuration that a model's constructor was asked for.

    Args:
        kind: The class of the configuration.
        config: A configuration, or the widths.
        settings: More settings, which come before those of the configuration.

    Raises:
        UsageError: If a setting is unknown or of the wrong type, or the configuration another's.
    """
    if isinstance(config, kind):
        unknown = settings.keys() - set(config.__dataclass_fields__)
        if not unknown:
            return replace(config, **settings)
        return from_mapping(kind, dict.fromkeys(unknown))  # raises what says it best
    if not isinstance(config, Sequence) or isinstance(config, str):
        raise UsageError(f"expected a {kind.__name__} or a list of widths, got {config!r}")
    return from_mapping(kind, {"sizes": list(config), **settings})


def check_sizes(sizes: Sequence[int]) -> None:
    """Refuse what are no widths.

    Raises:
        UsageError: If there are fewer than two, or one is not positive.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise UsageError(
            f"sizes must be at least two widths, such as [784, 32, 10], got {list(sizes)}"
        )
