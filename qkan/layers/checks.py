"""Checks of what reaches a layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from circuits import Circuit, UsageError

__all__ = [
    "evaluating",
    "inside_transform",
    "modes_kept",
    "pair",
    "require_circuit",
    "require_finite",
    "require_floating",
    "require_samples",
    "require_tensor",
    "whole",
]


_REAL = (torch.float32, torch.float64)


def require_circuit(circuit: Any) -> Circuit:
    """Return a circuit; refuse what is none."""
    if not isinstance(circuit, Circuit):
        raise UsageError(
            f"expected a circuits.Circuit, {type(circuit).__name__} arrived; take a filter by name with "
            "circuits.quanvolutional_filter('demo'), or decorate a quantum function with "
            "@circuits.circuit(wires=..., weights=...)"
        )
    return circuit


def require_tensor(x: Any, who: str) -> None:
    """Refuse arrays and lists."""
    if not isinstance(x, Tensor):
        raise UsageError(
            f"{who} expects a torch.Tensor, {type(x).__name__} arrived; use torch.as_tensor"
        )


def require_floating(x: Tensor, who: str) -> None:
    """Refuse tensors that hold no real numbers of at least 32 bits; simulators have no half precision."""
    if x.dtype not in _REAL:
        raise UsageError(f"{who} expects float32 or float64, {x.dtype} arrived; use x.float()")


def require_samples(x: Tensor, in_features: int, dtype: torch.dtype, who: str) -> None:
    """Refuse what has no samples of ``in_features`` numbers of a layer's dtype."""
    require_tensor(x, who)
    if x.ndim == 0 or x.shape[-1] != in_features:
        raise UsageError(
            f"{who}: expected an input of shape (..., {in_features}), got {tuple(x.shape)}; "
            "the last dimension must be in_features"
        )
    if x.dtype != dtype:
        raise UsageError(
            f"{who}: expected {dtype}, the layer's dtype, got {x.dtype}; "
            "convert the input or the layer with .to(dtype)"
        )


def require_finite(x: Tensor, who: str) -> None:
    """Refuse NaN and infinity, which a sine would spread without a word."""
    # Under a transform, and in a compiler, no value can be looked at.
    if x.numel() == 0 or inside_transform() or torch.compiler.is_compiling():
        return
    # The sum is the cheapest pass that NaN and infinity cannot hide from; but it may overflow itself.
    if isfinite(float(x.detach().sum())):
        return
    count = int((~torch.isfinite(x)).sum())
    if count:
        raise UsageError(
            f"{who}: {count} of {x.numel()} inputs are NaN or infinite; clean the data before the layer"
        )


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Leave every part of a model in the mode, training or evaluation, that it was in."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Look without leaving a trace: no gradients, no dropout, no running statistics that move."""
    with modes_kept(model), torch.no_grad():
        model.eval()
        yield


def inside_transform() -> bool:
    """Tell whether a transform of ``torch.func`` (vmap, grad) is running."""
    # torch has no public question for this; its own modules ask the same.
    return torch._C._functorch.peek_interpreter_stack() is not None


def pair(name: str, value: Any, *, least: int) -> tuple[int, int]:
    """Return two integers from one or two."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise UsageError(f"{name} must be an integer >= {least} or two of them, not {value!r}")
    return whole(name, both[0], least=least), whole(name, both[1], least=least)


def whole(name: str, value: Any, *, least: int) -> int:
    """Return an integer."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise UsageError(f"{name} must be an integer >= {least}, not {value!r}")
    return int(value)
