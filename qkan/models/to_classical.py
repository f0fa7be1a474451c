"""A trained model without its circuits: every quantum KAN layer written as a Fourier KAN layer."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from circuits.errors import UsageError
from qkan.layers.input_map import input_map_name
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer
from qkan.models.base import Chain, Model
from qkan.models.hybrid_kan import HybridKAN, HybridKANConfig
from qkan.models.qkan import QKAN
from qkan.models.settings import write_call

__all__ = ["to_classical"]


def to_classical(model: nn.Module) -> nn.Module:
    """Return the same function without quantum KAN layers; the model itself stays.

    Equal to 1e-12 in float64, and in float32 to 1e-6, relative to the outputs, or a few times the rounding of the model
    itself where high harmonics amplify it. A :class:`QKAN` becomes a
    :class:`HybridKAN` of layers ``scaled-fourier``, which trains, saves and loads as any other. Other layers are
    copied. See :func:`qkan.layers.qkan.classical.to_classical`.

    Raises:
        UsageError: If there are no quantum layers.
        CircuitError: If a circuit has no Fourier series.

    Example:
        >>> import torch
        >>> from qkan.models.qkan import QKAN
        >>> model = QKAN([2, 3, 1], edge="pz(depth=2)")
        >>> twin = to_classical(model)
        >>> x = torch.rand(5, 2)
        >>> torch.allclose(twin(x), model(x), atol=1e-6)
        True
        >>> twin.config.layers[1]
        "scaled-fourier(degree=2, base='silu', frequencies='per-input', scale=1.0, input_map='none')"

    Source: F. J. Schreiber, J. Eisert, J. J. Meyer, "Classical surrogates for quantum learning models",
    arXiv:2206.11740; M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
    """
    if not any(isinstance(module, QuantumKANLayer) for module in model.modules()):
        raise UsageError(f"{type(model).__name__} has no quantum KAN layers; it is classical")
    return _without_circuits(model)


def _without_circuits(model: nn.Module) -> nn.Module:
    if isinstance(model, QuantumKANLayer):
        return model.to_classical()
    if isinstance(model, QKAN | HybridKAN):
        return _chain(model)
    twin = copy.deepcopy(model)
    for name, child in model.named_children():
        setattr(twin, name, _without_circuits(child))
    if isinstance(twin, Model) and isinstance(head := getattr(twin, "head", None), Chain):
        twin.config = replace(twin.config, head=head.config)
    return twin


def _chain(model: QKAN | HybridKAN) -> HybridKAN:
    layers = [_without_circuits(layer) for layer in model]
    names = model.config.layers if isinstance(model, HybridKAN) else [""] * len(layers)
    written = tuple(
        _name(layer) if isinstance(layer, ScaledFourierKANLayer) else name
        for layer, name in zip(layers, names, strict=True)
    )
    twin = HybridKAN(
        HybridKANConfig(model.config.sizes, written),
        generator=torch.Generator().manual_seed(0),  # overwritten
        device=next(layers[0].parameters()).device,
        dtype=model.dtype,
    )
    twin.load_state_dict(nn.Sequential(*layers).state_dict())
    return twin.train(model.training)


def _name(layer: ScaledFourierKANLayer) -> str:
    options: dict[str, Any] = {
        "degree": layer.degree,
        "base": layer.base,
        "frequencies": layer.frequencies,
        "scale": layer.scale,
        "input_map": input_map_name(layer.input_map),
    }
    return write_call("scaled-fourier", options)
