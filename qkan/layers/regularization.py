"""Penalties on the edge functions of a KAN layer, all with gradients to its parameters.

Add them to the loss: ``loss + 1e-3 * l1_penalty(norms) + 1e-3 * entropy_penalty(norms)`` with
``norms = edge_norms(layer, x)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.errors import UsageError
from qkan.layers.kan_layer import KANLayer

__all__ = ["edge_norms", "entropy_penalty", "l1_penalty", "smoothness_penalty"]


def edge_norms(layer: KANLayer, x: Tensor) -> Tensor:
    r"""Return the mean size of every edge function on the data.

    .. math:: |\phi_{io}|_1 = \frac{1}{N} \sum_n |\phi_{io}(x_{ni})|

    Shape:
        - x: :math:`(*, \text{in\_features})`, the inputs of the layer.
        - Output: :math:`(\text{in\_features}, \text{out\_features})`.

    Example:
        >>> from qkan.layers.rbf import RBFKANLayer
        >>> edge_norms(RBFKANLayer(2, 3), torch.zeros(5, 2)).shape
        torch.Size([2, 3])

    Source: Liu et al., arXiv:2404.19756, eq. 2.17.
    """
    return layer.edge_functions(x).abs().flatten(0, -3).mean(0)


def l1_penalty(norms: Tensor) -> Tensor:
    """Return the sum of the edges' norms (arXiv:2404.19756, eq. 2.18): few edges stay."""
    return norms.sum()


def entropy_penalty(norms: Tensor) -> Tensor:
    r"""Return the entropy of the edges' shares (arXiv:2404.19756, eq. 2.19).

    .. math:: S = - \sum_{io} p_{io} \log p_{io}, \qquad p = |\phi|_1 / \textstyle\sum |\phi|_1

    It is 0 if one edge does everything and the logarithm of their number if all do the same; a
    layer whose edges all vanish has 0, too.

    Example:
        >>> entropy_penalty(torch.tensor([[1.0, 1.0], [1.0, 1.0]])).exp()
        tensor(4.0000)
    """
    small = torch.finfo(norms.dtype).eps ** 2  # small enough, with a reciprocal that is finite
    shares = norms / norms.sum().clamp_min(small)
    return -(shares * shares.clamp_min(small).log()).sum()


def smoothness_penalty(layer: KANLayer, points: int = 65) -> Tensor:
    r"""Return the mean squared second derivative of the edges over the domain.

    .. math:: \frac{1}{n_i n_o} \sum_{io} \frac{1}{L} \int_L \phi_{io}''(x)^2 \, dx

    by second differences on ``points`` equispaced points, so it works for every kind of edge.

    Raises:
        UsageError: If there are fewer than three points.

    Source: the penalty of smoothing splines; Eilers and Marx, Statistical Science 11 (1996) 89.
    """
    if points < 3:
        raise UsageError(f"second differences need at least 3 points, got {points}")
    lower, upper = layer.domain
    like = layer.coefficients()
    x = torch.linspace(lower, upper, points, device=like.device, dtype=like.dtype)
    # The domain is meant behind the input map.
    values = layer.edge_values(x.unsqueeze(-1).expand(-1, layer.in_features))
    step = (upper - lower) / (points - 1)
    return (values.diff(n=2, dim=0) / step**2).square().mean()
