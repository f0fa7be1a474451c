r"""The classical form of a quantum KAN layer: no circuit is left, and no value changes.

With :math:`\phi(t) = C_0 + \sum_k A_k \cos k r t + B_k \sin k r t` and :math:`t = a x + b`, an edge is

.. math::
    w (\phi + c) + v B(x) = w (C_0 + c) + v B(x) + \sum_k \alpha_k \cos(k r a x) + \beta_k \sin(k r a x), \\
    \alpha_k = w (A_k \cos k r b + B_k \sin k r b), \qquad \beta_k = w (B_k \cos k r b - A_k \sin k r b) .
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer

if TYPE_CHECKING:
    from qkan.layers.qkan.layer import QuantumKANLayer

__all__ = ["to_classical"]


@torch.no_grad()
def to_classical(layer: QuantumKANLayer) -> ScaledFourierKANLayer:
    """Return the Fourier KAN layer that is the same function, trainable as it is.

    It shows what of a trained layer needs a quantum computer at inference: nothing. On a backend with shots it is made
    from one sample of the nodes.

    Raises:
        CircuitError: If the circuit has no Fourier series.

    Example:
        >>> from qkan.layers.qkan import QuantumKANLayer
        >>> layer = QuantumKANLayer(2, 3, edge="entangled(wires=2)")
        >>> x = torch.rand(5, 2)
        >>> torch.allclose(to_classical(layer)(x), layer(x), atol=1e-6)
        True

    Source: F. J. Schreiber, J. Eisert, J. J. Meyer, "Classical surrogates for quantum learning models",
    arXiv:2206.11740; M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
    """
    exact = copy.deepcopy(layer).double()
    series = exact.circuit_coefficients()
    (degree,), (rate,) = layer.circuit.degrees, layer.circuit.scales
    classical = ScaledFourierKANLayer(
        layer.in_features,
        layer.out_features,
        degree,
        base=layer.base,
        frequencies=layer.frequencies,
        scale=rate,
        generator=torch.Generator().manual_seed(0),  # overwritten
        device=series.device,
        dtype=layer.dtype,
    )
    classical.input_map = copy.deepcopy(layer.input_map)
    order = torch.arange(1, degree + 1).to(series)[:, None, None]
    shift = torch.zeros(1).to(series) if exact.shift is None else exact.shift
    phase = order * rate * (shift if shift.ndim > 1 else shift.unsqueeze(-1))
    cos, sin = series[1::2], series[2::2]
    waves = torch.cat(
        [cos * phase.cos() + sin * phase.sin(), sin * phase.cos() - cos * phase.sin()]
    )
    factor = torch.ones(1).to(series) if exact.factor is None else exact.factor
    constant = series[0] if exact.bias is None else series[0] + exact.bias
    classical.coefficients().copy_((factor * waves).movedim(0, 1))
    total = (factor * constant).sum(0)
    assert classical.bias is not None  # it was made with one
    classical.bias.copy_(total if exact.offset is None else total + exact.offset)
    if classical.frequency is not None and exact.scale is not None:
        classical.frequency.copy_(exact.scale)
    if classical.base_weight is not None and exact.base_weight is not None:
        classical.base_weight.copy_(exact.base_weight)
    if layer.mask is not None:
        classical.mask = layer.mask.clone()
    return classical.train(layer.training)
