"""The published notebook's first KAN activation: one SciPy spline, shared and never trained."""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import BSpline, PPoly
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.layers.base import check_size

__all__ = ["SciPyActivation"]


class SciPyActivation(nn.Module):
    r"""An activation function that is one fixed cubic B-spline, for reproduction only.

    .. math:: y = \sum_{g=0}^{n-k-2} c_g B_{g,k}(x), \qquad t = \text{linspace}(-1, 1, n)

    This is what ``scipy.interpolate.BSpline(t, c, k)`` gives. It is not a KAN edge, and differs
    from :class:`BSplineKANLayer` in every respect that matters; these are the notebook's:

    - every unit shares the one spline; coefficients and knots are buffers and get no gradient
      (the inputs do);
    - the ``num_knots`` knots are not continued beyond the domain, so only
      [t_k, t_(n-k-1)] is valid (with 10 knots: [-1/3, 1/3]) and only n - k - 1 of the n
      coefficients are used;
    - outside, SciPy continues the end pieces, so the values grow with the cube of x.

    Ours: the pieces are evaluated by torch, exactly, without a round trip through NumPy.

    Shape:
        - Input: :math:`(*)`, any shape.
        - Output: :math:`(*)`, the same shape.

    Args:
        num_knots: How many knots, n.
        degree: The degree of the pieces, k.
        generator: Where the coefficients are drawn from, N(0, 1).
        device: The device of the buffers.
        dtype: The type of the buffers.

    Raises:
        UsageError: If there are too few knots for the degree.

    Example:
        >>> activation = SciPyActivation(generator=torch.Generator().manual_seed(0))
        >>> x = torch.linspace(-1, 1, 5)
        >>> spline = activation.to_scipy()
        >>> torch.allclose(activation(x), torch.tensor(spline(x), dtype=x.dtype), rtol=1e-4)
        True
    """

    knots: Tensor
    coefficients: Tensor

    def __init__(
        self,
        num_knots: int = 10,
        degree: int = 3,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_size("degree", degree, least=0)
        if check_size("num_knots", num_knots) < 2 * degree + 2:
            raise UsageError(
                f"degree {degree} needs at least {2 * degree + 2} knots, got {num_knots}"
            )
        self.degree = degree
        options = {"device": device, "dtype": dtype}
        draw = torch.randn(
            num_knots, generator=generator, device=getattr(generator, "device", None)
        )
        self.register_buffer("knots", torch.linspace(-1, 1, num_knots, **options))  # type: ignore[arg-type]
        self.register_buffer("coefficients", draw.to(self.knots))

    def to_scipy(self) -> BSpline:
        """Return the spline; it agrees with this module everywhere."""
        n = len(self.knots)
        knots = np.linspace(-1, 1, n)
        return BSpline(knots, self.coefficients.double().cpu().numpy().copy(), self.degree)

    def forward(self, input: Tensor) -> Tensor:
        """Return the spline at every value of ``input``."""
        pieces = PPoly.from_spline(self.to_scipy())
        cells = len(self.knots) - 2 * self.degree - 1
        inner = slice(self.degree, self.degree + cells)
        start = torch.from_numpy(pieces.x[inner].copy()).to(input)
        weights = torch.from_numpy(pieces.c[:, inner].copy()).to(input)
        cell = torch.bucketize(input.detach(), start[1:], right=True)
        local = input - start[cell]
        value = weights[0][cell]
        for weight in weights[1:]:
            value = value * local + weight[cell]
        return value

    def extra_repr(self) -> str:
        """Return the arguments that ``print(layer)`` shows."""
        return f"num_knots={len(self.knots)}, degree={self.degree}"
