"""The published notebook's two networks, which its accuracies were quoted for; kept for reproduction only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline, PPoly
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan import models
from qkan.layers.checks import evaluating
from qkan.models.image import linear
from qkan.plotting import EdgeFunction

__all__ = [
    "NETWORKS",
    "SciPyActivation",
    "SciPyKAN",
    "TableKAN",
    "TableSplineLayer",
    "learned_curves",
    "make",
]

_POINTS = 301


class SciPyActivation(nn.Module):
    r"""The first network's activation: one fixed cubic B-spline that all units share.

    .. math:: y = \sum_{g=0}^{n-k-2} c_g B_{g,k}(x), \qquad t = \text{linspace}(-1, 1, n)

    This is what ``scipy.interpolate.BSpline(t, c, k)`` gives, evaluated by torch. It is not a KAN edge. Of the
    notebook: coefficients and knots are buffers and get no gradient (the inputs do); the ``num_knots`` knots are not
    continued beyond the domain, so only [t_k, t_(n-k-1)] is valid (with 10 knots: [-1/3, 1/3]) and only n - k - 1 of
    the n coefficients are used; outside, SciPy continues the end pieces, so the values grow with the cube of x.

    Shape:
        - Input and output: :math:`(*)`, any shape.

    Args:
        num_knots: How many knots, n.
        degree: The degree of the pieces, k.
        generator: Where the coefficients are drawn from, N(0, 1).
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
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_knots(num_knots, degree, 2 * degree + 2)
        self.degree = degree
        self.register_buffer("knots", torch.linspace(-1, 1, num_knots, dtype=dtype))
        self.register_buffer(
            "coefficients", torch.randn(num_knots, generator=generator).to(self.knots)
        )

    @property
    def valid(self) -> tuple[float, float]:
        """The range between whose ends the bases add up to one."""
        return float(self.knots[self.degree]), float(self.knots[-self.degree - 1])

    def to_scipy(self) -> BSpline:
        """Return the spline; it agrees with this module everywhere."""
        knots = np.linspace(-1, 1, len(self.knots))
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


class TableSplineLayer(nn.Module):
    r"""The second network's layer: an affine map, a spline per unit read from a table, batch norm.

    .. math::
        y_o = \text{BatchNorm}\Bigl( \sum_g c_{og} \, B_g(\text{nearest}(z_o)) \Bigr), \qquad
        z = W x + b

    with the bases tabulated at ``rows`` equispaced points of [-1, 1] and z rounded to the nearest. Of the notebook:
    each unit has one adaptive activation of its affine output, so this is no KAN edge; the rounding sends no gradient
    through z, so W and b stay as they were drawn, and nothing before this layer is trained by what comes after;
    inputs beyond the table take its first or last row, and the values are steps. Its knots are not stated; we take
    those of the first network. All units are gathered at once, where the notebook loops over them.

    Shape:
        - Input: :math:`(N, \text{in\_features})`.
        - Output: :math:`(N, \text{out\_features})`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        num_knots: How many knots, equispaced on [-1, 1].
        degree: The degree of the splines.
        rows: How many rows the table has.
        generator: Draws the affine map as ``nn.Linear`` does, then the coefficients from N(0, 1).
        dtype: The type of the parameters.

    Raises:
        UsageError: If there are too few knots for the degree.

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
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        _check_knots(num_knots, degree, degree + 2)
        affine = nn.Linear(in_features, out_features, device="meta", dtype=dtype)
        self.affine = affine.to_empty(device="cpu")  # drawn below, not from torch's generator
        self.register_buffer("table", _table(num_knots, degree, rows).to(self.affine.weight))
        num_basis = num_knots - degree - 1
        self.coefficients = nn.Parameter(torch.empty(out_features, num_basis, dtype=dtype))
        self.batch_norm = nn.BatchNorm1d(out_features, dtype=dtype)
        bound = in_features**-0.5
        with torch.no_grad():
            self.affine.weight.uniform_(-bound, bound, generator=generator)
            self.affine.bias.uniform_(-bound, bound, generator=generator)
            self.coefficients.normal_(generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised activations, ``(N, in_features) -> (N, out_features)``."""
        with torch.no_grad():  # the rounding has no gradient
            last = len(self.table) - 1
            z = (self.affine(input) + 1) * (last / 2)
            row = z.round().clamp(0, last).nan_to_num(0.0).long()
        activations = self.table @ self.coefficients.T
        y: Tensor = self.batch_norm(activations.gather(0, row))
        return y


class _Network(nn.Sequential):
    """Layers one after the other, of rows or images; with what a study asks of a model."""

    def __init__(self, in_features: int, layers: Sequence[nn.Module]) -> None:
        super().__init__(*layers)
        self.in_features = in_features

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def forward(self, input: Tensor) -> Tensor:
        """Return the outputs of rows ``(N, in_features)``, or of images with as many pixels."""
        x = input.flatten(1)
        for layer in self:
            x = layer(x)
        return x


class SciPyKAN(_Network):
    r"""The notebook's first network: dense layers with one fixed random spline in between.

    .. math:: y = W_2 \, s(W_1 x + b_1) + b_2, \qquad s = \text{scipy.interpolate.BSpline}

    It is an MLP with an unusual activation function, not a KAN: see :class:`SciPyActivation`. The text that describes
    the notebook leaves open whether the outputs pass the spline, too; ours do not (with it, the first epochs reach
    20 % of MNIST).

    Args:
        sizes: The widths, from the inputs to the outputs.
        num_knots: The knots of the spline.
        degree: The degree of its pieces.
        generator: Draws the spline, then the weights, layer by layer, by torch's usual rule.
        dtype: The type of the parameters, and of the inputs.

    Example:
        >>> model = SciPyKAN([784, 128, 10])
        >>> model(torch.zeros(5, 1, 28, 28)).shape, model.num_parameters
        (torch.Size([5, 10]), 101770)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        num_knots: int = 10,
        degree: int = 3,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        activation = SciPyActivation(num_knots, degree, generator=generator, dtype=dtype)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [linear(before, after, generator=generator, dtype=dtype), activation]
        super().__init__(sizes[0], layers[:-1])


class TableKAN(_Network):
    """The notebook's second network: table spline layers and a dense one at the end.

    No gradient passes a look-up, so only the last table layer's splines and the dense layer are trained: before them
    lie fixed random features. The text that describes the notebook leaves the last layer open; with a table there,
    too, nothing but ten splines would be trained.

    Args:
        sizes: The widths, from the inputs to the outputs.
        num_knots: The knots of the splines.
        degree: Their degree.
        rows: The rows of the table.
        generator: Draws the initial weights, layer by layer.
        dtype: The type of the parameters, and of the inputs.

    Example:
        >>> TableKAN([784, 64, 10])(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        num_knots: int = 10,
        degree: int = 3,
        rows: int = 100,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        made: dict[str, Any] = {"generator": generator, "dtype": dtype}
        tables = [
            TableSplineLayer(before, after, num_knots, degree, rows, **made)
            for before, after in pairwise(sizes[:-1])
        ]
        super().__init__(sizes[0], [*tables, linear(*sizes[-2:], **made)])


NETWORKS: dict[str, type[_Network]] = {"scipykan": SciPyKAN, "tablekan": TableKAN}


def make(model: Mapping[str, Any], **options: Any) -> Any:
    """Return a network of the notebook, or a model of the library, from settings with its ``kind``.

    Example:
        >>> make({"kind": "scipykan", "sizes": [4, 3, 2]}).num_parameters
        23
    """
    settings = dict(model)
    if settings.get("kind") in NETWORKS:
        return NETWORKS[settings.pop("kind")](**settings, **options)
    return models.make(model, **options)


def learned_curves(network: nn.Module, inputs: Tensor, most: int = 8) -> list[EdgeFunction]:
    """Return the shared spline, or those of the last table's first units, with the values that reach them.

    Example:
        >>> [curve.name for curve in learned_curves(SciPyKAN([4, 3, 2]), torch.rand(9, 4))]
        ['the shared spline']
    """
    x, curves = inputs.flatten(1), []
    with evaluating(network):
        for layer in network.children():
            if isinstance(layer, SciPyActivation):
                low, high = np.quantile(_array(x), [0.01, 0.99])
                at = torch.linspace(min(low, -1.0), max(high, 1.0), _POINTS).to(x)
                drawn = _array(at), _array(layer(at)), _array(x.flatten())
                return [EdgeFunction("the shared spline", *drawn, layer.valid)]
            if isinstance(layer, TableSplineLayer):
                rows, seen = np.linspace(-1, 1, len(layer.table)), layer.affine(x)[:, :most]
                values = layer.table @ layer.coefficients.T
                curves = [
                    EdgeFunction(f"unit {o}", rows, _array(values[:, o]), _array(seen[:, o]))
                    for o in range(seen.shape[1])
                ]
            x = layer(x)
    return curves


def _table(num_knots: int, degree: int, rows: int) -> Tensor:
    """Return the bases at equispaced points of [-1, 1], (rows, num_knots - degree - 1)."""
    knots = np.linspace(-1, 1, num_knots)
    points = np.linspace(-1, 1, rows)
    columns = [
        BSpline.basis_element(knots[g : g + degree + 2], extrapolate=False)(points)
        for g in range(num_knots - degree - 1)
    ]
    return torch.from_numpy(np.nan_to_num(np.stack(columns, axis=1)))


def _check_knots(num_knots: int, degree: int, least: int) -> None:
    if degree < 0 or num_knots < least:
        raise UsageError(f"degree {degree} needs at least {least} knots, got {num_knots}")


def _array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.detach().double().cpu())
