"""What every KAN layer is, classical or quantum: edge functions that are linear in their coefficients."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Self, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from circuits.errors import UsageError, check_integer, unknown_name
from qkan.layers.checks import (
    check_domain,
    check_settings,
    require_samples,
    without_autocast,
)
from qkan.layers.initialization import normal_points, variance_preserving
from qkan.layers.input_map import input_map_name, make_input_map

__all__ = ["BASE_FUNCTIONS", "Common", "EdgeSeries", "KANLayer"]

BASE_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}
"""The fixed functions that an edge may add to its own, each with a weight."""

MOST_COEFFICIENTS = 10_000
"""So many may an edge have."""
_NOT_OPTIONS = {"generator", "device", "dtype"}


class Common(TypedDict, total=False):
    """The keywords that a layer hands on to :class:`KANLayer`, which documents them; tools see them one by one."""

    input_map: str
    generator: torch.Generator | None
    device: torch.device | str | None
    dtype: torch.dtype | None


Axes = tuple[int | None, int | None]
"""The axis of the inputs and that of the outputs; None, or one that a tensor does not have, where there is none."""


class EdgeSeries(NamedTuple):
    r"""Edges that are Fourier series of :math:`t = \omega x + \delta`.

    Attributes:
        coefficients: Over 1, cos, sin, cos 2, ..., ``(2 degree + 1, in_features, out_features)``.
        frequency: :math:`\omega`, the angular frequency of the first harmonic, broadcastable to the edges.
        phase: :math:`\delta`, of the same shape.
        scale: The factor of the frequencies that is not trained.
        frequencies: Which edges share one: ``"fixed"``, ``"per-input"`` or ``"per-edge"``.
    """

    coefficients: Tensor
    frequency: Tensor
    phase: Tensor
    scale: float
    frequencies: str


class KANLayer(nn.Module, ABC):
    r"""The common part of the KAN layers; usable wherever ``nn.Linear`` is.

    .. math::
        y_o = b_o + \beta_o + \sum_i m_{io} \phi_{io}(s(x_i)), \qquad
        \phi_{io}(z) = \sum_g c_{igo} B_{ig}(z) + v_{io} b(z)

    with the input map s, basis functions :math:`B_{ig}` that a layer brings, coefficients c (free, or made by
    circuits) and a fixed base function b. The mask m and the offset :math:`\beta` are there once edges are pruned: a
    pruned edge gives 0 and gets no gradient, and :math:`\beta` keeps what it gave on average. Both are a part of the
    ``state_dict``: loading one gives the layer the mask that it holds, or none.

    A NaN in the input gives a NaN in the output, as in ``nn.Linear``, and infinity what the formula gives. Data are
    checked where they enter the library. Functions that vanish far from the domain (Gaussians, wavelets, splines with
    ``extrapolation="zero"``) learn nothing from samples there: take a base function or an input map.

    Shape:
        - Input: :math:`(*, \text{in\_features})`, of the layer's dtype.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        num_free: How many free coefficients each edge has; 0 where they are made otherwise.
        domain: The range of mapped inputs that the edge functions are made for. The initial weights keep the spread
            of inputs that fill it: mean at its centre, standard deviation a quarter of its width.
        base: A fixed function that every edge adds with a weight of its own: ``"silu"``, ``"tanh"``, ``"identity"``
            or None.
        bias: Whether a constant is added to each output.
        input_map: What is done to the inputs first: see :func:`qkan.layers.input_map.make_input_map`.
        generator: Draws the initial weights, in :meth:`reset_parameters`, which every layer calls at its end.
        device: The device of the parameters.
        dtype: The type of the parameters.

    Attributes:
        edge_weight: All free coefficients and, behind them, the weights of the base functions, one row each: a layer
            is one matrix product.
        feature_axes: Of parameters and buffers, those of inputs and outputs.
        first_names: What the tensors of a ``state_dict`` of the first house are called now.
        is_series: Whether the edges are Fourier series, so that :meth:`series` returns them.
        reach: What ``input_map="tanh"`` maps to.
    """

    feature_axes: ClassVar[dict[str, Axes]] = {
        "mask": (0, 1),
        "offset": (None, 0),
        "bias": (None, 0),
    }
    first_names: ClassVar[Mapping[str, str]] = {
        "weight": "edge_weight",
        "normalization.": "input_map.",
        "input_range.": "input_map.",
    }
    is_series: ClassVar[bool] = False
    reach: ClassVar[float] = 1.0

    __signature__: ClassVar[inspect.Signature]
    edge_weight: nn.Parameter | None
    bias: nn.Parameter | None
    mask: Tensor | None
    offset: nn.Parameter | None
    _like: Tensor

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" not in vars(cls):
            return
        signature = inspect.signature(cls.__init__)
        _, *own = signature.parameters.values()
        if own and own[-1].kind is inspect.Parameter.VAR_KEYWORD:  # what the class above takes
            above = next(kind for kind in cls.__mro__[1:] if issubclass(kind, KANLayer))
            more = getattr(above, "__signature__", inspect.signature(above.__init__)).parameters
            optional = {n: p for n, p in more.items() if p.default is not inspect.Parameter.empty}
            for name in {p.name for p in own} & optional.keys():
                del optional[name]
            own[-1:] = [p.replace(kind=p.KEYWORD_ONLY) for p in optional.values()]
        cls.__signature__ = signature.replace(parameters=own)  # what help() and completion show

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Refuse unknown keywords, with the names of those that there are."""
        known: dict[str, Any] = {}
        for kind in cls.__mro__:  # as long as keywords are handed on
            parameters = inspect.signature(kind.__init__).parameters  # type: ignore[misc]  # of a class
            known |= parameters
            if all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
                break
        for name in options.keys() - known.keys():
            raise unknown_name(
                f"argument of {cls.__name__}", name, inspect.signature(cls).parameters
            )
        return super().__new__(cls)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        num_free: int,
        domain: tuple[float, float],
        base: str | None,
        *,
        bias: bool = True,
        input_map: str = "none",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_settings(dtype, generator)
        super().__init__()
        self.in_features = check_integer("in_features", in_features)
        self.out_features = check_integer("out_features", out_features)
        if base is not None and (not isinstance(base, str) or base not in BASE_FUNCTIONS):
            raise unknown_name("base", str(base), BASE_FUNCTIONS)
        self.base = base
        numbers = self.in_features * self.out_features * (num_free + 1)
        if num_free > MOST_COEFFICIENTS or numbers > 2**32:
            raise UsageError(
                f"{num_free:,} coefficients an edge and {numbers:,} in all are too many: an edge takes up to "
                f"{MOST_COEFFICIENTS:,}, a layer up to 2^32"
            )
        self.input_map = make_input_map(
            input_map, self.in_features, reach=self.reach, device=device, dtype=dtype
        )

        def parameter(*shape: int) -> nn.Parameter | None:
            there = all(shape)
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype)) if there else None

        rows = self.in_features * (num_free + (base is not None))
        self.register_parameter("edge_weight", parameter(rows, self.out_features))
        self.register_parameter("bias", parameter(self.out_features) if bias else None)
        self.register_parameter("offset", None)
        self.register_buffer("mask", None)
        # Says dtype and device of a layer that may have no parameter at all.
        self.register_buffer("_like", torch.empty(0, device=device, dtype=dtype), persistent=False)
        self._domain = check_domain(domain, self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the parameters."""
        return self._like.dtype

    @property
    def domain(self) -> tuple[float, float]:
        """The range of mapped inputs that the edge functions are made for."""
        return self._domain

    @property
    def num_basis(self) -> int:
        """How many basis functions each edge has."""
        rows = 0 if self.edge_weight is None else len(self.edge_weight)
        return rows // self.in_features - (self.base is not None)

    @property
    def base_weight(self) -> Tensor | None:
        """The weights of the base functions, (in_features, out_features), a view."""
        if self.base is None or self.edge_weight is None:
            return None
        return self.edge_weight[-self.in_features :]

    @property
    def kept_edges(self) -> Tensor:
        """Which edges are there, (in_features, out_features)."""
        if self.mask is not None:
            return self.mask
        shape = (self.in_features, self.out_features)
        return torch.ones(shape, dtype=torch.bool, device=self._like.device)

    @abstractmethod
    def basis(self, x: Tensor) -> Tensor:
        """Return the basis functions at mapped inputs, (N, in) -> (N, in, num_basis).

        Where every edge has a basis of its own, (N, in, num_basis, out).
        """

    def coefficients(self) -> Tensor:
        """Return what multiplies the basis functions, (in_features, num_basis, out_features); here a view."""
        assert self.edge_weight is not None  # a layer without free coefficients has its own method
        shape = (self.in_features, self.num_basis, self.out_features)
        return self.edge_weight[: shape[0] * shape[1]].view(shape)

    def series(self) -> EdgeSeries:
        """Return the edges as Fourier series of mapped inputs, pruned ones too, without base functions.

        Raises:
            UsageError: If they are none.
        """
        raise UsageError(
            f"the edges of {type(self).__name__} are no Fourier series; those of QuantumKANLayer and "
            "FourierKANLayer are"
        )

    def base_function(self, x: Tensor) -> Tensor:
        """Return the base function at mapped inputs, before its weights."""
        if self.base is None:
            raise UsageError("this layer has no base function; make it with base='silu', say")
        return BASE_FUNCTIONS[self.base](x)

    def plus_base(self, y: Tensor, x: Tensor) -> Tensor:
        """Return sums, (N, out), with the weighted base functions at mapped inputs, (N, in), if there are any."""
        if self.base_weight is None:
            return y
        return torch.addmm(y, self.base_function(x), self.masked(self.base_weight))

    def features(self, x: Tensor) -> Tensor:
        """Return what ``edge_weight`` multiplies: each sample's bases, then its base functions."""
        values = self.basis(x).flatten(1)
        return values if self.base is None else torch.cat([values, self.base_function(x)], dim=1)

    @without_autocast
    def forward(self, input: Tensor) -> Tensor:
        """Return the sums over the edges, ``(*, in_features) -> (*, out_features)``."""
        y = self.sum_of_edges(self.mapped(input))
        y = y if self.offset is None else y + self.offset
        return y.reshape(*input.shape[:-1], self.out_features)

    def sum_of_edges(self, x: Tensor) -> Tensor:
        """Return the sums at mapped inputs, with the bias, (N, in) -> (N, out)."""
        assert self.edge_weight is not None  # a layer without free coefficients has its own sum
        weight: Tensor = self.edge_weight
        if self.mask is not None:
            rows = [self.mask.repeat_interleave(self.num_basis, dim=0)]
            weight = weight * torch.cat(rows if self.base is None else [*rows, self.mask])
        features = self.features(x)
        return features @ weight if self.bias is None else torch.addmm(self.bias, features, weight)

    def mapped(self, input: Tensor) -> Tensor:
        """Check the input, flatten its leading dimensions and map it."""
        require_samples(input, self.in_features, self.dtype, type(self).__name__)
        x = input.reshape(-1, self.in_features)
        if isinstance(self.input_map, nn.BatchNorm1d) and self.training and len(x) == 1:
            raise UsageError(
                "one sample has no variance to standardise by: train with two or more, or call .eval()"
            )
        return x if self.input_map is None else self.input_map(x)

    def edge_functions(self, input: Tensor) -> Tensor:
        r"""Return each edge function on its own, without the bias: to plot, to prune, to penalise.

        Shape:
            - Input: :math:`(*, \text{in\_features})`, before the input map.
            - Output: :math:`(*, \text{in\_features}, \text{out\_features})`.
        """
        return self.edge_values(self.mapped(input)).reshape(*input.shape, self.out_features)

    def edge_values(self, x: Tensor) -> Tensor:
        """Return the edge functions at mapped inputs, (N, in) -> (N, in, out)."""
        basis = self.basis(x)
        product = "nig,igo->nio" if basis.ndim == 3 else "nigo,igo->nio"
        values = torch.einsum(product, basis, self.coefficients())
        if self.base_weight is not None:
            values = values + self.base_function(x).unsqueeze(-1) * self.base_weight
        return self.masked(values)

    def masked(self, values: Tensor) -> Tensor:
        """Return values of the edges, (..., in_features, out_features), with those of pruned ones 0."""
        return values if self.mask is None else values * self.mask

    @torch.no_grad()
    def prune_edges(self, keep: Tensor, constants: Tensor | None = None) -> None:
        r"""Switch edges off in place; those that are off stay off.

        Args:
            keep: Which edges stay.
            constants: What is added to the outputs instead, such as the means of the edges that go.

        Shape:
            - keep: ``(in_features, out_features)``, boolean
            - constants: ``(out_features,)``

        Raises:
            UsageError: If a shape is wrong, ``keep`` is not boolean, or a constant is not finite.

        Example:
            >>> from qkan.layers.rbf import RBFKANLayer
            >>> layer = RBFKANLayer(2, 2)
            >>> layer.prune_edges(torch.tensor([[True, False], [True, True]]))
            >>> layer.edge_functions(torch.ones(1, 2))[0, 0, 1]
            tensor(0., grad_fn=...)
        """
        shape = (self.in_features, self.out_features)
        keep = torch.as_tensor(keep)
        if keep.dtype != torch.bool or tuple(keep.shape) != shape:
            raise UsageError(
                f"keep must be a boolean tensor of shape {shape}, one value an edge; "
                f"{keep.dtype} of shape {tuple(keep.shape)} arrived"
            )
        if constants is not None:
            self.add_offset(constants)
        self.mask = self.kept_edges & keep.to(self._like.device)

    @torch.no_grad()
    def add_offset(self, constants: Tensor) -> None:
        """Add constants to the outputs, ``(out_features,)``, in place."""
        constants = torch.as_tensor(constants)
        if tuple(constants.shape) != (self.out_features,) or not bool(constants.isfinite().all()):
            raise UsageError(
                f"constants must be {self.out_features} finite numbers, one an output; "
                f"shape {tuple(constants.shape)} arrived"
            )
        values = constants.to(self._like)
        if self.offset is None:
            self.offset = nn.Parameter(values.clone())
        else:
            self.offset.add_(values)

    @torch.no_grad()
    def select_features(self, inputs: Tensor, outputs: Tensor) -> None:
        """Keep some inputs and outputs in place, and forget the edges of the others: the layer becomes smaller.

        Args:
            inputs: Which inputs stay, in which order, as integers.
            outputs: Which outputs stay.

        Raises:
            UsageError: If nothing would stay, an index is none or there twice, or the inputs are normalised together
                by a ``LayerNorm``.
        """
        for index, size in ((inputs, self.in_features), (outputs, self.out_features)):
            fits = index.ndim == 1 and not index.is_floating_point() and index.dtype != torch.bool
            if (
                not fits
                or not set(index.tolist()) <= set(range(size))
                or len(set(index.tolist())) < len(index)
            ):
                raise UsageError(
                    f"expected different integers from 0 to {size - 1}, got {index.tolist()}"
                )
        if not len(inputs) or not len(outputs):
            raise UsageError("a layer needs at least one input and one output that stay")
        whole = torch.equal(inputs.cpu(), torch.arange(self.in_features))
        module = self.input_map
        if isinstance(module, nn.LayerNorm) and not whole:
            raise UsageError(
                "input_map='layer' takes the mean over all inputs, so none can be taken away without a change; "
                "use input_map='batch' or 'none'"
            )
        if isinstance(module, nn.BatchNorm1d):
            for key in ("weight", "bias", "running_mean", "running_var"):
                _select(module, key, 0, inputs)
            module.num_features = len(inputs)
        if self.edge_weight is not None:
            size = len(self.edge_weight) - self.in_features * (self.base is not None)
            rows = torch.arange(size).view(self.in_features, -1)[inputs.cpu()].flatten()
            if self.base is not None:
                rows = torch.cat([rows, size + inputs.cpu()])
            _select(self, "edge_weight", 0, rows)
            _select(self, "edge_weight", 1, outputs)
        for name, axes in self.feature_axes.items():
            for axis, chosen in zip(axes, (inputs, outputs), strict=True):
                _select(self, name, axis, chosen)
        self.in_features, self.out_features = len(inputs), len(outputs)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights by :func:`qkan.layers.initialization.variance_preserving`; set the bias to 0."""
        check_settings(None, generator)
        z, probability, sd = normal_points(self.domain)
        points = z.to(self._like).unsqueeze(1).expand(-1, self.in_features)
        columns = [self._initial_basis(points)]
        if self.base is not None:
            columns.append(self.base_function(points).unsqueeze(-1))
        features = torch.cat(columns, dim=-1).double().cpu()
        draw = self._draw((*features.shape[1:], self.out_features), generator).cpu()
        weights = variance_preserving(features, probability, sd, draw, self.num_basis)
        self.coefficients().copy_(weights[:, : self.num_basis])
        if self.base_weight is not None:
            self.base_weight.copy_(weights[:, -1])
        if self.bias is not None:
            self.bias.zero_()

    def _initial_basis(self, x: Tensor) -> Tensor:
        return self.basis(x)

    def _draw(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        device = "cpu" if generator is None else generator.device
        return torch.randn(shape, generator=generator, dtype=torch.float64, device=device)

    def options(self) -> dict[str, Any]:
        """Return the arguments, as JSON takes them, that make a layer of this one's present kind and shape.

        ``type(layer)(**layer.options())`` takes the layer's ``state_dict``, also after it was refined or pruned.

        Example:
            >>> from qkan.layers.chebyshev import ChebyshevKANLayer
            >>> ChebyshevKANLayer(2, 3, degree=6).options()["degree"]
            6
        """
        settled: dict[str, Any] = {
            "bias": self.bias is not None,
            "domain": list(self.domain),
            "input_map": input_map_name(self.input_map),
        }
        names = [n for n in inspect.signature(type(self)).parameters if n not in _NOT_OPTIONS]
        for name in names:
            if name not in settled and not hasattr(self, name):
                raise UsageError(
                    f"{type(self).__name__} must keep its argument {name!r} as self.{name}"
                )
        return {name: settled[name] if name in settled else getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        """Return the arguments that ``print(layer)`` shows."""
        kept = "" if self.mask is None else f", edges={int(self.mask.sum())} of {self.mask.numel()}"
        hidden = ("in_features", "out_features", "input_map")
        options = (f", {k}={v!r}" for k, v in self.options().items() if k not in hidden)
        return f"{self.in_features}, {self.out_features}{kept}{''.join(options)}"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for old, new in self.first_names.items():
            for key in [key for key in state_dict if key.startswith(prefix + old)]:
                if old.endswith(".") or key == prefix + old:
                    value = self._from_first_house(old, state_dict.pop(key))
                    state_dict[prefix + new + key.removeprefix(prefix + old)] = value
        mask, offset = (state_dict.get(prefix + name) for name in ("mask", "offset"))
        edges = (self.in_features, self.out_features)
        fits = mask is not None and tuple(mask.shape) == edges  # else it is reported as unexpected
        self.mask = torch.ones(edges, dtype=torch.bool, device=self._like.device) if fits else None
        if offset is None:
            self.offset = None
        elif self.offset is None:
            self.offset = nn.Parameter(offset.new_empty(offset.shape).to(self._like))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _from_first_house(self, name: str, value: Tensor) -> Tensor:
        """Return a tensor of an old ``state_dict`` in today's order."""
        return value


def _select(module: nn.Module, name: str, axis: int | None, index: Tensor) -> None:
    """Keep a part of a parameter or a buffer along an axis, if there are such."""
    value = getattr(module, name, None)
    if value is None or axis is None or axis >= value.ndim:
        return
    part = value.detach().index_select(axis, index.to(value.device))
    trainable = isinstance(value, nn.Parameter)
    setattr(module, name, nn.Parameter(part, value.requires_grad) if trainable else part)
