r"""Edges that can be switched off: what classical and quantum KAN layers share.

With a mask :math:`m_{io} \in \{0, 1\}` and offsets :math:`\beta_o`, a layer is
:math:`y_o = \sum_i m_{io} \phi_{io}(x_i) + \beta_o + \dots`: a pruned edge gives 0 and gets no gradient, and
:math:`\beta_o` keeps what it gave on average. Both are None as long as nothing is pruned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from circuits.errors import UsageError

__all__ = ["PrunableLayer", "axes_with"]

Axes = tuple[int | None, int | None]
"""The axis of the inputs and that of the outputs; None, or one that a tensor does not have, where there is none."""


class PrunableLayer(nn.Module):
    """A layer of edges, some of which may be pruned.

    The mask and the offsets are a part of the ``state_dict``: loading one gives the layer the mask that it holds, or
    none.

    Attributes:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        mask: Which edges are there, (in_features, out_features), boolean; None if all are.
        offset: What is added to the outputs in place of pruned edges, (out_features,), trainable; or None.
        feature_axes: Of parameters and buffers, those of inputs and outputs.
    """

    feature_axes: ClassVar[Mapping[str, Axes]] = {"mask": (0, 1), "offset": (None, 0)}

    in_features: int
    out_features: int
    mask: Tensor | None
    offset: nn.Parameter | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", None)
        self.register_parameter("offset", None)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the parameters."""
        return self._reference().dtype

    @property
    def kept_edges(self) -> Tensor:
        """Which edges are there, (in_features, out_features)."""
        if self.mask is not None:
            return self.mask
        shape = (self.in_features, self.out_features)
        return torch.ones(shape, dtype=torch.bool, device=self._reference().device)

    @torch.no_grad()
    def prune_edges(self, keep: Tensor, constants: Tensor | None = None) -> None:
        r"""Switch edges off in place; those that are off stay off.

        Args:
            keep: Which edges stay.
            constants: What is added to the outputs instead, such as the means of the edges that go.

        Shape:
            - keep: ``(in_features, out_features)``, boolean
            - constants: ``(out_features,)``

        Raises:
            UsageError: If a shape is wrong, ``keep`` is not boolean, or a constant is not finite.

        Example:
            >>> from qkan.layers.rbf import RBFKANLayer
            >>> layer = RBFKANLayer(2, 2)
            >>> layer.prune_edges(torch.tensor([[True, False], [True, True]]))
            >>> layer.edge_functions(torch.ones(1, 2))[0, 0, 1]
            tensor(0., grad_fn=...)
        """
        shape = (self.in_features, self.out_features)
        if keep.dtype != torch.bool or tuple(keep.shape) != shape:
            raise UsageError(
                f"keep must be a boolean tensor of shape {shape}, one value an edge; "
                f"{keep.dtype} of shape {tuple(keep.shape)} arrived"
            )
        if constants is not None:
            self.add_offset(constants)
        self.mask = self.kept_edges & keep.to(self.kept_edges.device)

    @torch.no_grad()
    def add_offset(self, constants: Tensor) -> None:
        """Add constants to the outputs, ``(out_features,)``, in place."""
        if tuple(constants.shape) != (self.out_features,) or not bool(constants.isfinite().all()):
            raise UsageError(
                f"constants must be {self.out_features} finite numbers, one an output; "
                f"shape {tuple(constants.shape)} arrived"
            )
        like = self._reference()
        values = constants.to(like.device, like.dtype)
        if self.offset is None:
            self.offset = nn.Parameter(values.clone())
        else:
            self.offset.add_(values)

    @torch.no_grad()
    def select_features(self, inputs: Tensor, outputs: Tensor) -> None:
        """Keep some inputs and outputs in place, and forget the edges of the others: the layer becomes smaller.

        Args:
            inputs: Which inputs stay, in which order, as integers.
            outputs: Which outputs stay.

        Raises:
            UsageError: If nothing would stay, or the inputs are normalised together by a ``LayerNorm``.
        """
        if not len(inputs) or not len(outputs):
            raise UsageError("a layer needs at least one input and one output that stay")
        whole = torch.equal(inputs.cpu(), torch.arange(self.in_features))
        module = getattr(self, "input_map", None)
        if isinstance(module, nn.LayerNorm) and not whole:
            raise UsageError(
                "input_map='layer' takes the mean over all inputs, so none can be taken away without a change; "
                "use input_map='batch' or 'none'"
            )
        if isinstance(module, nn.BatchNorm1d):
            for key in ("weight", "bias", "running_mean", "running_var"):
                _select(module, key, 0, inputs)
            module.num_features = len(inputs)
        for name, axes in self.feature_axes.items():
            for axis, chosen in zip(axes, (inputs, outputs), strict=True):
                _select(self, name, axis, chosen)
        self.in_features, self.out_features = len(inputs), len(outputs)

    def masked(self, values: Tensor) -> Tensor:
        """Return values of the edges, (..., in_features, out_features), with those of pruned ones 0."""
        return values if self.mask is None else values * self.mask

    def with_offset(self, outputs: Tensor) -> Tensor:
        """Return the outputs with the offsets."""
        return outputs if self.offset is None else outputs + self.offset

    def pruned_repr(self) -> str:
        """Say how many edges are pruned, for ``extra_repr``."""
        if self.mask is None:
            return ""
        return f", edges={int(self.mask.sum())} of {self.mask.numel()}"

    def _reference(self) -> Tensor:
        """Return a tensor of the layer's dtype and device."""
        return next(p for p in [*self.parameters(), *self.buffers()] if p.is_floating_point())

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for old in ("normalization", "input_range"):  # the names of the first house
            for key in [key for key in state_dict if key.startswith(f"{prefix}{old}.")]:
                state_dict[key.replace(f"{prefix}{old}.", f"{prefix}input_map.")] = state_dict.pop(
                    key
                )
        like = self._reference()
        mask, offset = (state_dict.get(prefix + name) for name in ("mask", "offset"))
        edges = (self.in_features, self.out_features)
        fits = mask is not None and tuple(mask.shape) == edges  # else it is reported as unexpected
        self.mask = torch.ones(edges, dtype=torch.bool, device=like.device) if fits else None
        if offset is None:
            self.offset = None
        elif self.offset is None:
            self.offset = nn.Parameter(
                torch.empty_like(offset, dtype=like.dtype, device=like.device)
            )
        super()._load_from_state_dict(state_dict, prefix, *args)


def axes_with(base: type[PrunableLayer], **more: Axes) -> Mapping[str, Axes]:
    """Return the axes of a class of layers, with those of further tensors."""
    return {**base.feature_axes, **more}


def _select(module: nn.Module, name: str, axis: int | None, index: Tensor) -> None:
    """Keep a part of a parameter or a buffer along an axis, if there are such."""
    value = getattr(module, name, None)
    if value is None or axis is None or axis >= value.ndim:
        return
    part = value.detach().index_select(axis, index.to(value.device))
    trainable = isinstance(value, nn.Parameter)
    setattr(module, name, nn.Parameter(part, value.requires_grad) if trainable else part)
