"""What every KAN layer shares: edge functions that are linear in their coefficients.

    y_o = bias_o + sum_i phi_io(x_i),    phi_io(x) = sum_g basis_ig(x) c_igo + v_io base(x)

A layer brings its ``basis``; the sum over inputs and basis functions is then one matrix product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.layers.base_functions import BASE_FUNCTIONS
from qkan.layers.checks import require_samples
from qkan.layers.initialization import variance_preserving_
from qkan.layers.input_map import make_input_map
from qkan.layers.precision import without_autocast
from qkan.layers.prunable import PrunableLayer, axes_with

__all__ = ["KANLayer", "check_domain", "check_size", "inclusive_clamp"]


class KANLayer(PrunableLayer, ABC):
    r"""The common part of the KAN layers; usable wherever ``nn.Linear`` is.

    A NaN in the input gives a NaN in the output, as in ``nn.Linear``: refusing it would cost a
    pass over the data at every call. Data are checked where they enter the library.

    Shape:
        - Input: :math:`(*, \text{in\_features})`, of the layer's dtype.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        num_basis: How many basis functions each edge has.
        domain: The range of inputs that the edge functions are made for. The initial weights keep
            the spread of inputs that fill it: mean at its centre, standard deviation a quarter of
            its width.
        base: A fixed function that every edge adds with a weight of its own: ``"silu"``,
            ``"tanh"``, ``"identity"`` or None.
        bias: Whether a constant is added to each output.
        input_map: What is done to the inputs first: see :func:`make_input_map`.
        generator: Where the initial weights are drawn from; by default torch's own generator.
        device: The device of the parameters.
        dtype: The type of the parameters.
    """

    feature_axes = axes_with(PrunableLayer, bias=(None, 0))

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        num_basis: int,
        *,
        domain: tuple[float, float],
        base: str | None,
        bias: bool,
        input_map: str,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.in_features = check_size("in_features", in_features)
        self.out_features = check_size("out_features", out_features)
        self._domain = check_domain(domain)
        if base is not None and base not in BASE_FUNCTIONS:
            raise unknown_name("base", base, BASE_FUNCTIONS)
        self.base = base
        self.input_map = make_input_map(input_map, in_features, device=device, dtype=dtype)

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))

        num_features = num_basis + (base is not None)
        self.weight = parameter(in_features * num_features, out_features)
        self.bias = parameter(out_features) if bias else None

    @property
    def num_basis(self) -> int:
        """How many basis functions each edge has."""
        return len(self.weight) // self.in_features - (self.base is not None)

    def coefficients(self) -> Tensor:
        """Return the weights of the basis functions, (in_features, num_basis, out_features), a view."""
        shape = (self.in_features, self.num_basis, self.out_features)
        return self.weight[: shape[0] * shape[1]].view(shape)

    @property
    def base_weight(self) -> Tensor | None:
        """The weights of the base functions, (in_features, out_features), a view."""
        return None if self.base is None else self.weight[-self.in_features :]

    @property
    def masked_weight(self) -> Tensor:
        """The weight, with 0 for pruned edges."""
        if self.mask is None:
            return self.weight
        rows = [self.mask.repeat_interleave(self.num_basis, dim=0)]
        return self.weight * torch.cat(rows if self.base is None else [*rows, self.mask])

    @property
    def domain(self) -> tuple[float, float]:
        """The range of inputs that the edge functions are made for."""
        return self._domain

    @abstractmethod
    def basis(self, x: Tensor) -> Tensor:
        """Return the values of the basis functions, (N, in_features) -> (N, in_features, g)."""

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights, such that the variance of the inputs is that of the outputs."""
        variance_preserving_(self, generator)

    @torch.no_grad()
    def select_features(self, inputs: Tensor, outputs: Tensor) -> None:
        """Keep some inputs and outputs in place; see :meth:`PrunableLayer.select_features`."""
        coefficients = self.coefficients()[inputs].flatten(0, 1)
        rows = (
            [coefficients] if self.base_weight is None else [coefficients, self.base_weight[inputs]]
        )
        super().select_features(inputs, outputs)
        self.weight = nn.Parameter(torch.cat(rows)[:, outputs], self.weight.requires_grad)

    def base_function(self, x: Tensor) -> Tensor:
        """Return the fixed part of the edge functions at ``x``, before its weights."""
        if self.base is None:
            raise UsageError("this layer has no base function; make it with base='silu', say")
        return BASE_FUNCTIONS[self.base](x)

    def features(self, x: Tensor) -> Tensor:
        """Return what ``weight`` multiplies: each sample's bases, then its base functions."""
        values = self.basis(x).flatten(1)
        return values if self.base is None else torch.cat([values, self.base_function(x)], dim=1)

    @without_autocast
    def forward(self, input: Tensor) -> Tensor:
        """Return the sums over the edges, ``(*, in_features) -> (*, out_features)``."""
        features = self.features(self._samples(input))
        weight = self.masked_weight
        y = features @ weight if self.bias is None else torch.addmm(self.bias, features, weight)
        return self.with_offset(y).reshape(*input.shape[:-1], self.out_features)

    def edge_functions(self, input: Tensor) -> Tensor:
        r"""Return each edge function on its own, without the bias: to plot, to prune, to penalise.

        Shape:
            - Input: :math:`(*, \text{in\_features})`.
            - Output: :math:`(*, \text{in\_features}, \text{out\_features})`.
        """
        return self.edge_values(self._samples(input)).reshape(*input.shape, self.out_features)

    def edge_values(self, x: Tensor) -> Tensor:
        """Return the edge functions at points behind the input map, (N, in) -> (N, in, out)."""
        values = torch.einsum("nig,igo->nio", self.basis(x), self.coefficients())
        if self.base_weight is not None:
            values = values + self.base_function(x).unsqueeze(-1) * self.base_weight
        return self.masked(values)

    def _samples(self, input: Tensor) -> Tensor:
        """Check the input, flatten its leading dimensions and normalise it."""
        require_samples(input, self.in_features, self.weight.dtype, type(self).__name__)
        x = input.reshape(-1, self.in_features)
        return x if self.input_map is None else self.input_map(x)

    def extra_repr(self) -> str:
        """Return the arguments that ``print(layer)`` shows."""
        return f"{self.in_features}, {self.out_features}{self.pruned_repr()}"


def check_size(name: str, value: int, *, least: int = 1) -> int:
    """Return ``value`` if it is an integer of at least ``least``.

    Raises:
        UsageError: If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} must be an integer of at least {least}, got {value!r}")
    return value


def check_domain(domain: tuple[float, float]) -> tuple[float, float]:
    """Return ``domain`` as two floats.

    Raises:
        UsageError: If it is not two finite numbers in increasing order.
    """
    try:
        lower, upper = (float(bound) for bound in domain)
    except (TypeError, ValueError) as error:
        raise UsageError(f"domain must be two numbers (min, max), got {domain!r}") from error
    if not (-torch.inf < lower < upper < torch.inf):
        raise UsageError(f"domain must be finite with min < max, got ({lower}, {upper})")
    return lower, upper


def inclusive_clamp(x: Tensor, lower: float | Tensor, upper: float | Tensor) -> Tensor:
    """Return ``x`` clamped, with gradient 1 at the bounds themselves.

    Data often lie exactly there (black pixels, knots), where ``torch.clamp`` has had the gradient
    0 or 1, depending on its version.
    """
    clamped = x.detach().clamp(lower, upper)  # type: ignore[arg-type]  # the stub wants one kind
    if not (torch.is_grad_enabled() and x.requires_grad):
        return clamped
    return torch.where((x < lower) | (x > upper), clamped, x)
