"""Initial weights that keep the variance of the signal through depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from qkan.layers.kan_layer import KANLayer

__all__ = ["variance_preserving_"]

_POINTS = 401
_WIDTH_IN_SDS = 4.0


@torch.no_grad()
def variance_preserving_(layer: KANLayer, generator: torch.Generator | None = None) -> None:
    r"""Draw the weights of ``layer`` such that the outputs vary as much as the inputs do.

    The inputs are taken as normal, centred in the domain, with a standard deviation
    :math:`\sigma` of a quarter of its width. With :math:`F = \mathrm{Cov}[f(x)]` of the edge's
    features :math:`f` (its basis functions and its base), weights :math:`w \sim N(0, \Sigma)`
    with :math:`\Sigma \perp E[f]` give

    .. math:: E[y_o] = 0, \qquad
        \mathrm{Var}[y_o] = \text{in\_features} \; \mathrm{tr}(F \Sigma) = \sigma^2 .

    Without the projection on :math:`E[f]` each layer would turn a part of the variance into an
    offset of its units, and a deep net would end constant. Basis and base share the variance
    equally. The idea is that of Glorot and Bengio (2010), for features instead of weights.
    """
    lower, upper = layer.domain
    centre, sd = (lower + upper) / 2, (upper - lower) / _WIDTH_IN_SDS
    z = torch.linspace(-6, 6, _POINTS, dtype=torch.float64)
    probability = torch.exp(-(z**2) / 2)
    probability /= probability.sum()

    features = _features(layer, centre + sd * z)
    mean = torch.einsum("p,pig->ig", probability, features)
    deviation = features - mean
    variance = torch.einsum("p,pig->ig", probability, deviation**2)
    scale = _group_scales(variance, layer.num_basis)

    # Sigma = S P S, with P the projector on the complement of S E[f]: its trace against F.
    direction = scale * mean
    direction = direction / direction.norm(dim=1, keepdim=True).clamp_min(1e-12)
    along = torch.einsum("pig,ig,ig->pi", deviation, scale, direction)
    trace = (scale**2 * variance).sum(1) - torch.einsum("p,pi->i", probability, along**2)
    gain = sd / torch.sqrt(layer.in_features * trace)

    shape = (*scale.shape, layer.out_features)
    draw = torch.randn(shape, generator=generator, dtype=torch.float64, device=_device(generator))
    draw = draw.cpu()
    draw -= direction.unsqueeze(-1) * torch.einsum("ig,igo->io", direction, draw).unsqueeze(1)
    weights = gain[:, None, None] * scale.unsqueeze(-1) * draw
    layer.coefficients().copy_(weights[:, : layer.num_basis])
    if layer.base_weight is not None:
        layer.base_weight.copy_(weights[:, -1])
    if layer.bias is not None:
        layer.bias.zero_()


def _features(layer: KANLayer, points: Tensor) -> Tensor:
    """Return basis and base at ``points`` in every input, (P, in, g), as float64 on the CPU."""
    like = layer.coefficients()
    x = points.to(like).unsqueeze(1).expand(-1, layer.in_features)
    columns = [layer.basis(x)]
    if layer.base is not None:
        columns.append(layer.base_function(x).unsqueeze(-1))
    return torch.cat(columns, dim=-1).double().cpu()


def _group_scales(variance: Tensor, num_basis: int) -> Tensor:
    """Return the relative sizes of the weights: basis and base contribute the same variance."""
    scale = torch.ones_like(variance)
    if variance.shape[1] > num_basis:
        total = variance[:, :num_basis].sum(1)
        scale[:, -1] = torch.sqrt(total / variance[:, -1])
    return scale


def _device(generator: torch.Generator | None) -> torch.device:
    return torch.device("cpu") if generator is None else generator.device
