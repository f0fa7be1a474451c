"""Initial weights that keep the variance of the signal through depth."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["normal_points", "variance_preserving"]


def normal_points(domain: tuple[float, float]) -> tuple[Tensor, Tensor, float]:
    """Return points, their probabilities and the standard deviation of inputs that fill a domain, in float64.

    They are normal, centred in the domain, with a standard deviation of a quarter of its width.
    """
    lower, upper = domain
    sd = (upper - lower) / 4
    z = torch.linspace(-6, 6, 401, dtype=torch.float64)
    probability = torch.exp(-(z**2) / 2)
    return (lower + upper) / 2 + sd * z, probability / probability.sum(), sd


def variance_preserving(
    features: Tensor, probability: Tensor, sd: float, draw: Tensor, num_basis: int
) -> Tensor:
    r"""Return weights such that the outputs of a layer vary as much as its inputs do.

    With :math:`F = \mathrm{Cov}[f(x)]` of an edge's features :math:`f` (its basis functions and its base), weights
    :math:`w \sim N(0, \Sigma)` with :math:`\Sigma \perp E[f]` give

    .. math:: E[y_o] = 0, \qquad
        \mathrm{Var}[y_o] = \text{in\_features} \; \mathrm{tr}(F \Sigma) = \sigma^2 .

    Without the projection on :math:`E[f]` each layer would turn a part of the variance into an offset of its units, and
    a deep net would end constant. Basis and base share the variance equally. The idea is that of Glorot and Bengio
    (2010), for features instead of weights.

    Args:
        features: The features at points.
        probability: The probability of each point.
        sd: The standard deviation of inputs and outputs.
        draw: Standard normal numbers, which become the weights.
        num_basis: How many of the features are basis functions; one more is the base.

    Shape:
        - features: ``(points, in, num_features)``
        - draw: ``(in, num_features, out)``
        - result: as ``draw``
    """
    mean = torch.einsum("p,pig->ig", probability, features)
    deviation = features - mean
    variance = torch.einsum("p,pig->ig", probability, deviation**2)
    scale = torch.ones_like(variance)
    if variance.shape[1] > num_basis:
        scale[:, -1] = torch.sqrt(variance[:, :num_basis].sum(1) / variance[:, -1])

    # Sigma = S P S, with P the projector on the complement of S E[f]: its trace against F.
    direction = scale * mean
    direction = direction / direction.norm(dim=1, keepdim=True).clamp_min(1e-12)
    along = torch.einsum("pig,ig,ig->pi", deviation, scale, direction)
    trace = (scale**2 * variance).sum(1) - torch.einsum("p,pi->i", probability, along**2)
    gain = sd / torch.sqrt(len(draw) * trace)

    rest = draw - direction.unsqueeze(-1) * torch.einsum("ig,igo->io", direction, draw).unsqueeze(1)
    weights: Tensor = gain[:, None, None] * scale.unsqueeze(-1) * rest
    return weights
