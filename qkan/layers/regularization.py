r"""Sizes of edges, and penalties on them, all with gradients to the parameters.

Over data, for any KAN layer: ``loss + 1e-3 * norms.sum() + 1e-3 * entropy_penalty(norms)`` with
``norms = edge_norms(layer, x)`` (arXiv:2404.19756, eq. 2.17 to 2.20).
From the coefficients alone, for edges that are Fourier series: an edge
:math:`a_0 + \sum_k a_k \cos k t + b_k \sin k t` has, over a period of its angle, by Parseval's theorem the variance
:math:`\sum_k P_k` with :math:`P_k = (a_k^2 + b_k^2) / 2`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, check_integer, check_real
from qkan.layers.kan_layer import KANLayer

__all__ = [
    "SpectralPenalty",
    "amplitudes",
    "edge_norms",
    "entropy_penalty",
    "parseval_norms",
    "smoothness_penalty",
    "spectral_layers",
]


def edge_norms(layer: KANLayer, x: Tensor) -> Tensor:
    r"""Return the mean size of every edge function on the data.

    .. math:: |\phi_{io}|_1 = \frac{1}{N} \sum_n |\phi_{io}(x_{ni})|

    Shape:
        - x: :math:`(*, \text{in\_features})`, the inputs of the layer.
        - Output: :math:`(\text{in\_features}, \text{out\_features})`.

    Raises:
        UsageError: If there are no data.

    Example:
        >>> from qkan.layers.rbf import RBFKANLayer
        >>> edge_norms(RBFKANLayer(2, 3), torch.zeros(5, 2)).shape
        torch.Size([2, 3])

    Source: Liu et al., arXiv:2404.19756, eq. 2.17.
    """
    if not x.numel():
        raise UsageError("the norms of edges need a sample or more")
    return layer.edge_functions(x).abs().flatten(0, -3).mean(0)


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
    check_integer("points", points, 3)  # second differences need them
    lower, upper = layer.domain
    x = torch.linspace(lower, upper, points, dtype=layer.dtype, device=layer.kept_edges.device)
    # The domain is meant behind the input map.
    values = layer.edge_values(x.unsqueeze(-1).expand(-1, layer.in_features))
    step = (upper - lower) / (points - 1)
    return (values.diff(n=2, dim=0) / step**2).square().mean()


def amplitudes(layer: KANLayer) -> Tensor:
    """Return what multiplies the cosines and the sines on each edge, ``(2, degree, in, out)``; 0 where pruned."""
    flat = layer.masked(layer.series().coefficients[1:])
    return flat.reshape(-1, 2, *flat.shape[1:]).movedim(1, 0)


def parseval_norms(layer: KANLayer) -> Tensor:
    r"""Return each edge's standard deviation over a period, :math:`\sqrt{\sum_k P_k}`, without its base function.

    An edge of size 0 has the gradient 0.

    Shape:
        Result: ``(in_features, out_features)``.

    Example:
        >>> from qkan.layers.fourier import FourierKANLayer
        >>> layer = FourierKANLayer(1, 1, degree=2)
        >>> _ = layer.coefficients().data.copy_(torch.tensor([[[3.0], [4], [0], [0]]]))
        >>> parseval_norms(layer).item() * 2**0.5
        5.0
    """
    norms: Tensor = torch.linalg.vector_norm(amplitudes(layer).flatten(0, 1), dim=0) / 2**0.5
    return norms


@dataclass(frozen=True)
class SpectralPenalty:
    r"""A penalty on all Fourier edges of a model, to be added to its loss.

    .. math::
        \lambda_1 \sum_{io} n_{io} + \lambda_S \sum_{layers} S(n) + \lambda_f \sum_{io} \sum_k k^2 P_{k,io}, \qquad
        n_{io} = \sqrt{\textstyle\sum_k P_{k,io}} + |v_{io}| .

    The first term leaves few edges; the entropy S of the shares :math:`n / \sum n` makes edges of a layer unequal; the
    third, the mean squared slope over a period, prefers low harmonics. The base function has no period, so its weight
    v is counted as it is.

    Attributes:
        l1: The factor of the norms' sum.
        entropy: The factor of the entropy.
        high_frequency: The factor of the mean squared slopes.

    Raises:
        UsageError: If a factor is negative or not finite, or a model has no such edges.

    Example:
        >>> from qkan.layers.quantum_kan import QuantumKANLayer
        >>> penalty = SpectralPenalty(l1=1e-3, high_frequency=1e-4)
        >>> model = nn.Sequential(QuantumKANLayer(2, 3), QuantumKANLayer(3, 1))
        >>> penalty(model).backward()
        >>> bool((model[0].circuits.theta.grad != 0).any())
        True

    Source: Parseval's theorem; Liu et al., arXiv:2404.19756, eq. 2.17 to 2.20, for the norms and their entropy, there
    by means over the data (:func:`edge_norms`).
    """

    l1: float = 0.0
    entropy: float = 0.0
    high_frequency: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_real(field.name, getattr(self, field.name), least=0)

    def __call__(self, model: nn.Module) -> Tensor:
        """Return the penalty of a model, a scalar."""
        total: Tensor = sum(  # type: ignore[assignment]  # there is at least one layer
            self._layer(layer) for layer in spectral_layers(model)
        )
        return total

    def _layer(self, layer: KANLayer) -> Tensor:
        norms, flat = parseval_norms(layer), amplitudes(layer)
        if layer.base_weight is not None:
            norms = norms + layer.masked(layer.base_weight).abs()
        order = torch.arange(1, flat.shape[1] + 1, device=flat.device, dtype=flat.dtype)
        slopes = (flat * order[:, None, None]).square().sum() / 2
        total: Tensor = self.l1 * norms.sum() + self.high_frequency * slopes
        return total + self.entropy * entropy_penalty(norms)


def spectral_layers(model: nn.Module) -> Iterator[KANLayer]:
    """Yield the layers of a model whose edges are Fourier series.

    Raises:
        UsageError: If there are none.
    """
    found = [m for m in model.modules() if isinstance(m, KANLayer) and m.is_series]
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no edges that are Fourier series (QuantumKANLayer, FourierKANLayer); "
            "for other KAN layers take qkan.layers.regularization.edge_norms"
        )
    yield from found
