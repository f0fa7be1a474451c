"""Sums over edge functions that have scales, factors and a base function of their own, whatever the functions are."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.layers.base_functions import BASE_FUNCTIONS
from qkan.layers.input_map import make_input_map
from qkan.layers.prunable import PrunableLayer, axes_with
from qkan.layers.qkan.edge_circuits import uniform
from qkan.layers.qkan.product import per_edge_sum, per_input_sum

__all__ = ["Frequencies", "WeightedEdges"]

Frequencies = Literal["per-input", "per-edge", "fixed"]


class WeightedEdges(PrunableLayer):
    r"""A sum of edge functions, from which a layer of a kind of functions inherits.

    .. math::
        y_o = \sum_i \bigl[ w_{io} \bigl( \phi_{io}(a x_i + b) + c_{io} \bigr) + v_{io} B(x_i) \bigr]

    It holds a, b, w, c and v and knows nothing of :math:`\phi`. Its arguments are described in
    :class:`qkan.QuantumKANLayer`.
    """

    feature_axes = axes_with(
        PrunableLayer, scale=(0, 1), shift=(0, 1), weight=(0, 1), bias=(0, 1), base_weight=(0, 1)
    )

    scale: nn.Parameter | None
    shift: nn.Parameter | None
    weight: nn.Parameter | None
    bias: nn.Parameter | None
    base_weight: nn.Parameter | None
    _like: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        frequencies: Frequencies,
        base: str | None,
        weight: bool,
        bias: bool,
        input_map: str,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ):
        super().__init__()
        for what, size in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise UsageError(f"{what} must be an integer of at least 1, got {size!r}")
        if frequencies not in get_args(Frequencies):
            raise unknown_name("frequencies", str(frequencies), get_args(Frequencies))
        if base is not None and base not in BASE_FUNCTIONS:
            raise unknown_name("base", str(base), BASE_FUNCTIONS)
        self.in_features, self.out_features = in_features, out_features
        self.frequencies, self.base = frequencies, base
        self.input_map = make_input_map(
            input_map, in_features, reach=math.pi, device=device, dtype=dtype
        )

        def parameter(there: bool, *shape: int) -> nn.Parameter | None:
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if there else None

        edges = (in_features, out_features)
        scaled = edges if frequencies == "per-edge" else (in_features,)
        self.scale = parameter(frequencies != "fixed", *scaled)
        self.shift = parameter(frequencies != "fixed", *scaled)
        self.weight = parameter(weight, *edges)
        self.bias = parameter(bias, *edges)
        self.base_weight = parameter(base is not None, *edges)
        # Says dtype and device of a layer that may have no parameter at all.
        self.register_buffer("_like", torch.empty(0, device=device, dtype=dtype), persistent=False)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        r"""Draw v as ``nn.Linear`` does; set w to :math:`1/\sqrt{in}`, a to 1, and b and c to 0."""
        bound = 1 / math.sqrt(self.in_features)
        for values, start in (
            (self.scale, 1.0),
            (self.shift, 0.0),
            (self.weight, bound),
            (self.bias, 0.0),
        ):
            if values is not None:
                values.fill_(start)
        if self.base_weight is not None:
            self.base_weight.copy_(bound * (2 * uniform(self.base_weight.shape, generator) - 1))

    @property
    def factor(self) -> Tensor | None:
        """The factors w of the edges, 0 for pruned ones; None if all are 1."""
        if self.weight is None:
            return None if self.mask is None else self.mask.to(self.dtype)
        return self.masked(self.weight)

    def angles(self, x: Tensor) -> Tensor:
        """Return a x + b for inputs in their range: (N, in, out), or (N, in, 1) where edges share them."""
        if self.scale is None or self.shift is None:
            return x.unsqueeze(-1)
        if self.frequencies == "per-edge":
            return torch.addcmul(self.shift, x.unsqueeze(-1), self.scale)
        return torch.addcmul(self.shift, x, self.scale).unsqueeze(-1)

    def weighted(self, x: Tensor, values: Tensor) -> Tensor:
        r"""Return :math:`w (\phi + c) + v B(x)` of each edge from the values of :math:`\phi`, all (N, in, out)."""
        values = self._factored(values)
        base = self._base(x)
        if base is None or self.base_weight is None:
            return values
        return values + self.masked(base.unsqueeze(-1) * self.base_weight)

    def sum_of_values(self, x: Tensor, values: Tensor) -> Tensor:
        r"""Return the outputs from the inputs in their range and the values of :math:`\phi`, (N, in, out)."""
        return self._with_base(self._factored(values).sum(1), self._base(x))

    def sum_of_series(self, x: Tensor, coefficients: Tensor, rate: float = 1.0) -> Tensor:
        r"""Return the outputs from the inputs in their range and the Fourier coefficients of :math:`\phi`.

        Args:
            x: The inputs.
            coefficients: Of 1, cos, sin, cos 2, ..., of ``rate`` times a x + b.
            rate: The angular frequency of the first harmonic.

        Shape:
            - x: ``(N, in_features)``
            - coefficients: ``(2 degree + 1, in_features, out_features)``
            - result: ``(N, out_features)``
        """
        base = self._base(x)
        scale: Tensor | None = self.scale
        shift: Tensor | None = self.shift
        if rate != 1:
            x, scale, shift = (
                (rate * x, None, None)
                if scale is None or shift is None
                else (x, rate * scale, rate * shift)
            )
        factor = self.factor
        if self.frequencies != "per-edge" or scale is None or shift is None:
            v = None if self.base_weight is None else self.masked(self.base_weight)
            return per_input_sum(x, scale, shift, coefficients, factor, self.bias, base, v)
        constant, waves = coefficients[0], coefficients[1:]
        if factor is not None:
            waves = waves * factor
        y = per_edge_sum(x, scale, shift, waves) + self._factored(constant).sum(0)
        return self._with_base(y, base)

    def _base(self, x: Tensor) -> Tensor | None:
        return None if self.base is None else BASE_FUNCTIONS[self.base](x)

    def _with_base(self, y: Tensor, base: Tensor | None) -> Tensor:
        if base is None or self.base_weight is None:
            return y
        return torch.addmm(y, base, self.masked(self.base_weight))

    def _factored(self, values: Tensor) -> Tensor:
        values = values if self.bias is None else values + self.bias
        factor = self.factor
        return values if factor is None else values * factor
