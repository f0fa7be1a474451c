"""The published notebook's second KAN layer: splines read from a table, after an affine map."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from torch import Tensor, nn
from torch.nn import functional

from circuits.errors import UsageError
from qkan.layers.base import check_size

__all__ = ["TableSplineLayer"]


class TableSplineLayer(nn.Module):
    r"""An affine map, a spline per unit read from a table, batch norm; for reproduction only.

    .. math::
        y_o = \text{BatchNorm}\Bigl( \sum_g c_{og} \, B_g(\text{nearest}(z_o)) \Bigr), \qquad
        z = W x + b

    with the bases tabulated at ``rows`` equispaced points of [-1, 1] and z rounded to the nearest.
    The notebook's properties, kept:

    - each unit has one adaptive activation of its affine output: this is no KAN edge;
    - the rounding sends no gradient through z, so W and b stay as they were drawn, and nothing
      before this layer is trained by what comes after;
    - inputs beyond the table take its first or last row, and the values are steps.

    Ours: all units at once. Their activations are tabulated (one small product) and then gathered;
    the notebook loops over the units in Python. The numbers are the same. The text that describes
    the notebook leaves the knots of this layer open; we take those of its first KAN, see
    :class:`SciPyActivation`.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        num_knots: How many knots, equispaced on [-1, 1].
        degree: The degree of the splines.
        rows: How many rows the table has.
        generator: Where the initial weights are drawn from; by default torch's own generator.
        device: The device of the parameters.
        dtype: The type of the parameters.

    Raises:
        UsageError: If there are too few knots, or an input has the wrong shape or dtype.

    Example:
        >>> TableSplineLayer(4, 3)(torch.zeros(5, 4)).shape
        torch.Size([5, 3])
    """

    table: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        num_knots: int = 10,
        degree: int = 3,
        rows: int = 100,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = check_size("in_features", in_features)
        self.out_features = check_size("out_features", out_features)
        check_size("degree", degree, least=0)
        if check_size("num_knots", num_knots) < degree + 2:
            raise UsageError(f"degree {degree} needs at least {degree + 2} knots, got {num_knots}")
        table = torch.from_numpy(_table(num_knots, degree, check_size("rows", rows, least=2)))

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))

        self.weight = parameter(out_features, in_features)
        self.bias = parameter(out_features)
        self.coefficients = parameter(out_features, table.shape[1])
        self.batch_norm = nn.BatchNorm1d(out_features, device=device, dtype=dtype)
        self.register_buffer("table", table.to(self.weight))
        self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights: the affine map as in ``nn.Linear``, coefficients from N(0, 1)."""
        bound = self.in_features**-0.5
        for parameter in (self.weight, self.bias):
            parameter.uniform_(-bound, bound, generator=generator)
        self.coefficients.normal_(generator=generator)
        self.batch_norm.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised activations, ``(*, in_features) -> (*, out_features)``."""
        if input.ndim == 0 or input.shape[-1] != self.in_features:
            raise UsageError(
                f"TableSplineLayer: expected an input of shape (..., {self.in_features}), got "
                f"{tuple(input.shape)}; the last dimension must be in_features"
            )
        if input.dtype != self.weight.dtype:
            raise UsageError(
                f"TableSplineLayer: expected {self.weight.dtype}, the layer's dtype, got "
                f"{input.dtype}; convert the input or the layer with .to(dtype)"
            )
        with torch.no_grad():  # the rounding has no gradient
            z = functional.linear(input.reshape(-1, self.in_features), self.weight, self.bias)
            last = len(self.table) - 1
            row = ((z + 1) * (last / 2)).round().clamp(0, last).nan_to_num(0.0).long()
        activations = self.table @ self.coefficients.T
        y: Tensor = self.batch_norm(activations.gather(0, row))
        return y.reshape(*input.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Return the arguments that ``print(layer)`` shows."""
        rows, num_basis = self.table.shape
        return f"{self.in_features}, {self.out_features}, rows={rows}, num_basis={num_basis}"


def _table(num_knots: int, degree: int, rows: int) -> NDArray[np.float64]:
    """Return the bases at equispaced points of [-1, 1], (rows, num_knots - degree - 1)."""
    knots = np.linspace(-1, 1, num_knots)
    points = np.linspace(-1, 1, rows)
    columns = [
        BSpline.basis_element(knots[g : g + degree + 2], extrapolate=False)(points)
        for g in range(num_knots - degree - 1)
    ]
    return np.asarray(np.nan_to_num(np.stack(columns, axis=1)), dtype=np.float64)
