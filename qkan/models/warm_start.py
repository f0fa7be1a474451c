r"""A QKAN that starts as a classical KAN: quantum edges are fitted to the curves of classical ones.

Each edge follows its curve as closely as its Fourier degree allows,
:math:`w (\phi_\theta(a s + b) + c) + v B(s) \approx f(x)`, with s what the layer's input map makes of x. Biases and
offsets of the KAN are carried over as they are, pruned edges stay pruned.

Source: that the start matters is a finding of the field (a QKAN started from a pruned KAN learnt jets that one with
random weights did not); the fit itself is ours.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from circuits import Circuit, fourier
from circuits.errors import UsageError, check_integer
from qkan.layers.checks import check_domain, evaluating, require_finite
from qkan.layers.input_map import input_map_name, usual_inputs
from qkan.layers.kan_layer import BASE_FUNCTIONS, KANLayer
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.models.pruning import inputs_of

__all__ = ["EdgeFits", "follow"]

_POOL, _WINDOWS = 512, (0.25, 0.4, 0.6, 0.8, 1.0)
"""So many random circuits are looked through for starts; parts of a period that inputs are first mapped to."""

_PATIENCE = 4
"""The end of a descent: so many steps in a row with next to no gain."""

_ELEMENTS = 2**22
"""So many numbers of a Jacobian are held at once."""


@dataclass(frozen=True, eq=False)
class EdgeFits:
    """How closely the quantum edges of a layer follow the classical ones, each (in_features, out_features).

    Attributes:
        rms: The root mean square of the residual over the range of the input.
        max: Its largest size.
        spread: The standard deviation of the classical edge there, to compare with.
        lower: Where the ranges begin, (in_features,).
        upper: Where they end.
    """

    rms: Tensor
    max: Tensor
    spread: Tensor
    lower: Tensor
    upper: Tensor

    def __str__(self) -> str:
        total = self.rms.norm() / self.spread.norm().clamp_min(1e-300)
        return (
            f"{tuple(self.rms.shape)} edges: residual rms {float(total):.2e} of the curves' spread; "
            f"worst edge rms {float(self.rms.max()):.2e}, max {float(self.max.max()):.2e}"
        )


def follow(
    make: Callable[..., nn.Sequential],
    kan: nn.Module,
    edge: str | Circuit,
    *,
    x: Tensor | None = None,
    domain: tuple[float, float] | None = None,
    points: int = 65,
    starts: int = 4,
    iterations: int = 50,
    generator: torch.Generator | None = None,
    **options: Any,
) -> tuple[Any, tuple[EdgeFits, ...]]:
    """Return ``make(sizes, edge, ...)``, whose layers follow a KAN, and how close; see :func:`qkan.models.from_kan`."""
    check_integer("points", points, 5)
    check_integer("starts", starts)
    check_integer("iterations", iterations, 3)
    layers = _classical_layers(kan)
    seen: Sequence[Tensor | None] = [None] * len(layers)
    if x is not None:
        if domain is not None:
            raise UsageError("give either data, whose ranges are taken, or a domain, not both")
        require_finite(x, "from_kan")
        if not x.numel():
            raise UsageError("the ranges of data need at least one sample")
        named = {str(index): layer for index, layer in enumerate(layers)}
        seen = list(inputs_of(kan, named, x).values())
    bases = {layer.base for layer in layers}  # one base function carries over exactly
    usual = {"input_map": _input_map(layers), "base": "silu" if len(bases) > 1 else bases.pop()}
    like = next(layers[0].parameters())
    common = {"generator": generator, "device": like.device, "dtype": like.dtype}
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    model = make(sizes, edge, **usual | options | common)
    device = "cpu" if generator is None else generator.device
    seed = int(torch.randint(2**31, (), generator=generator, device=device))
    drawn = torch.Generator().manual_seed(seed)
    fits = []
    for layer, quantum, inputs in zip(layers, model, seen, strict=True):
        assert isinstance(quantum, QuantumKANLayer)  # make makes no others
        _copy_statistics(layer, quantum, inputs)
        at = _points(layer, inputs, domain, points)
        fits.append(_fit_layer(layer, quantum, at, starts, iterations, drawn))
    if x is None:
        _warn_outside(kan, layers, model, fits)
    return model.train(kan.training), tuple(fits)


@torch.no_grad()
def _warn_outside(
    kan: nn.Module, layers: Sequence[KANLayer], model: nn.Sequential, fits: Sequence[EdgeFits]
) -> None:
    """Say where hidden layers see inputs beyond the ranges on which their edges were fitted, and differ there."""
    like = next(layers[0].parameters())
    draw = torch.rand(256, layers[0].in_features, generator=torch.Generator().manual_seed(0))
    x = torch.lerp(fits[0].lower, fits[0].upper, draw.to(fits[0].lower)).to(like)
    seen = inputs_of(kan, {str(index): layer for index, layer in enumerate(layers)}, x)
    for index, (layer, quantum, fit) in enumerate(zip(layers, model, fits, strict=True)):
        inputs = seen[str(index)]
        outside = ((inputs < fit.lower) | (inputs > fit.upper)).any(1)
        if not bool(outside.any()):
            continue
        with evaluating(layer), evaluating(quantum):
            residual = (quantum(inputs) - layer(inputs)).double().abs()
        if float(residual.max()) > 2 * float(fit.max.sum(0).max()) + 1e-6:
            warnings.warn(
                f"layer {index} sees inputs from {float(inputs.min()):.3g} to {float(inputs.max()):.3g}, its edges "
                f"were fitted from {float(fit.lower.min()):.3g} to {float(fit.upper.max()):.3g} and are off by up to "
                f"{float(residual.max()):.2g} outside; fit them over data: from_kan(kan, x=...)",
                stacklevel=5,
            )


def _classical_layers(kan: nn.Module) -> list[KANLayer]:
    parts = [kan] if isinstance(kan, KANLayer) else list(kan.children())
    layers = [part for part in parts if not isinstance(part, nn.Identity | nn.Dropout)]
    wrong = [
        type(part).__name__
        for part in layers
        if not isinstance(part, KANLayer) or isinstance(part, QuantumKANLayer)
    ]
    if wrong or not layers:
        raise UsageError(
            f"from_kan takes a chain of classical KAN layers, such as qkan.models.KAN; {type(kan).__name__} holds "
            f"{', '.join(wrong) or 'none'}"
        )
    return layers  # type: ignore[return-value]  # all of them are


def _input_map(layers: Sequence[KANLayer]) -> str:
    names = {input_map_name(layer.input_map) for layer in layers}
    if "layer" in names:
        raise UsageError(
            "input_map='layer' mixes the inputs of a layer, so that edges are no functions of one input; "
            "train the KAN with input_map='batch', 'tanh' or 'none'"
        )
    if len(names) > 1:
        raise UsageError(f"a QKAN has one input map for all layers, this KAN has {sorted(names)}")
    return names.pop()


def _copy_statistics(layer: KANLayer, quantum: QuantumKANLayer, inputs: Tensor | None) -> None:
    """Give a layer that standardises its inputs the statistics of the KAN, or of the data."""
    own, theirs = quantum.input_map, layer.input_map
    if not isinstance(own, nn.BatchNorm1d) or own.running_mean is None or own.running_var is None:
        return
    if isinstance(theirs, nn.BatchNorm1d):
        own.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in own.state_dict()})
        own.eps = theirs.eps
    elif inputs is not None:
        own.running_mean.copy_(inputs.mean(0))
        own.running_var.copy_(inputs.var(0).clamp_min(1e-12))
    else:
        raise UsageError("input_map='standardise' needs data here: from_kan(kan, x=...)")


def _points(
    layer: KANLayer, inputs: Tensor | None, domain: tuple[float, float] | None, count: int
) -> Tensor:
    """Return the raw inputs at which curves are compared, (count, in_features), in float64."""
    if inputs is not None:
        lower, upper = inputs.double().amin(0), inputs.double().amax(0)
        single = upper - lower < 1e-9 * (1 + upper.abs())  # an input that never changes
        lower, upper = lower - 0.5 * single, upper + 0.5 * single
    elif domain is not None:
        bounds = check_domain(domain)
        lower, upper = (torch.full((layer.in_features,), b, dtype=torch.float64) for b in bounds)
    else:
        ends = usual_inputs(layer.input_map, layer.domain, layer.in_features)
        lower, upper = (end.double() for end in ends)
    like = next(layer.parameters())
    parts = torch.linspace(0, 1, count, dtype=torch.float64, device=like.device).unsqueeze(1)
    return torch.lerp(lower.to(parts), upper.to(parts), parts)


@torch.no_grad()
def _fit_layer(
    layer: KANLayer,
    quantum: QuantumKANLayer,
    x: Tensor,
    starts: int,
    iterations: int,
    generator: torch.Generator,
) -> EdgeFits:
    """Fit the edges of a layer, give them what was found, and say how close they came."""
    like = next(layer.parameters())
    with evaluating(layer), evaluating(quantum):
        curves = layer.edge_functions(x.to(like)).double()
        s = x if quantum.input_map is None else quantum.input_map(x.to(like)).double()
    inputs, outputs = layer.in_features, layer.out_features
    own = quantum.frequencies == "per-edge"  # then every edge has an input of its own
    groups = (inputs * outputs, 1) if own else (inputs, outputs)
    s = s.repeat_interleave(outputs, 1) if own else s
    y = curves.reshape(len(x), *groups)
    pieces = max(1, 2 * len(x) * starts * groups[0] * groups[1] * 32 // _ELEMENTS)
    found = [
        _fit_edges(quantum, *part, starts, iterations, generator)
        for part in zip(
            s.tensor_split(pieces, 1),
            y.tensor_split(pieces, 1),
            layer.kept_edges.reshape(groups).tensor_split(pieces),
            strict=True,
        )
        if part[0].numel()
    ]
    affine, edges = (torch.cat([part[k] for part in found]) for k in range(2))
    constants = _install(quantum, affine, edges.reshape(inputs, outputs, -1))
    if layer.mask is not None:
        quantum.prune_edges(layer.mask)
    for part in (layer.bias, layer.offset):
        if part is not None:
            quantum.add_offset(part)
    with evaluating(quantum):
        residual = quantum.edge_functions(x.to(like)).double() + constants - curves
    residual = quantum.masked(residual)
    return EdgeFits(
        residual.square().mean(0).sqrt(),
        residual.abs().amax(0),
        curves.std(0, unbiased=False),
        x.amin(0),
        x.amax(0),
    )


def _install(quantum: QuantumKANLayer, affine: Tensor, edges: Tensor) -> Tensor:
    """Give the layer what was found; return the constants, (in, out), that went to the outputs instead.

    A factor near 0 could not make them.
    """
    start = 0
    for weight in quantum.circuit_weights().values():
        size = weight[..., 0, 0].numel()
        weight.copy_(edges[..., start : start + size].movedim(-1, 0).reshape(weight.shape))
        start += size
    if quantum.frequency is not None and quantum.phase is not None:
        quantum.frequency.copy_(affine[:, 0].reshape(quantum.frequency.shape))
        quantum.phase.copy_(affine[:, 1].reshape(quantum.phase.shape))
    factor, constant, slope = edges[..., start:].unbind(-1)
    if quantum.factor is not None:
        quantum.factor.copy_(factor)
    if quantum.base_weight is not None:
        quantum.base_weight.copy_(slope)
    if quantum.constant is not None:
        safe = 1e3 * factor.abs() > constant.abs()
        quantum.constant.copy_(torch.where(safe, constant / torch.where(safe, factor, 1), 0))
        constant = torch.where(safe, 0, constant)
    if bool((constant != 0).any()):
        quantum.add_offset(constant.sum(0))
    return constant


def _fit_edges(
    quantum: QuantumKANLayer,
    s: Tensor,
    y: Tensor,
    keep: Tensor,
    starts: int,
    iterations: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return a and b of each input, and of each edge the circuit's weights, w, u = w c and v.

    At a few fixed scales each edge is fitted by itself, from several starts; the best scale of each input stays. The
    harmonics are rotated first to as many rows as there are functions (QR): no sample is left.

    Shape:
        - s: ``(points, inputs)``
        - y: ``(points, inputs, outputs)``
        - keep: ``(inputs, outputs)``
        - results: ``(inputs, 2)`` and ``(inputs, outputs, parameters)``
    """
    circuit = quantum.circuit
    (degree,), (rate,) = circuit.degrees, circuit.scales
    lower, upper = s.amin(0), s.amax(0)
    middle, half = (lower + upper) / 2, ((upper - lower) / 2).clamp_min(1e-12)
    scales = [math.pi * part / (rate * half) for part in _WINDOWS]
    if quantum.frequency is None:
        scales, middle = [torch.ones_like(half)], torch.zeros_like(half)
    weighted = quantum.factor is not None
    size = sum(math.prod(shape) for shape in circuit.weight_shapes.values())
    drawn = 2 * math.pi * torch.rand(_POOL, size, generator=generator, dtype=torch.float64).to(s)
    pool = _Form(circuit, _POOL, s.device)(drawn)[0]
    several, one = (_Form(circuit, n * keep.numel(), s.device) for n in (starts, 1))
    best = s.new_full((len(half), 1), torch.inf)
    chosen: list[Tensor] = []
    for scale in scales:
        columns = fourier.basis((scale * (s - middle)).T, degree, rate).movedim(0, -1)
        base = torch.zeros_like(s) if quantum.base is None else BASE_FUNCTIONS[quantum.base](s)
        rotation, triangle = torch.linalg.qr(torch.cat([columns, base.T.unsqueeze(-1)], -1))
        target = y.permute(1, 2, 0) @ rotation
        points = _starts(triangle, target, drawn, pool, weighted, starts)
        points, cost = _descend(several, weighted, triangle, target, points, iterations // 3)
        floor = y.square().sum(0) - target.square().sum(-1)  # no parameter changes it
        total = ((cost + floor) * keep).sum(1, keepdim=True)
        found = [torch.stack([scale, -scale * middle], 1), triangle, target, points]
        chosen = [
            torch.where((total < best).view(-1, *[1] * (new.ndim - 1)), new, old)
            for new, old in zip(found, chosen or found, strict=True)
        ]
        best = torch.minimum(best, total)
    affine, triangle, target, points = chosen
    return affine, _descend(one, weighted, triangle, target, points.unsqueeze(2), iterations)[0]


def _starts(
    triangle: Tensor, target: Tensor, drawn: Tensor, pool: Tensor, weighted: bool, count: int
) -> Tensor:
    """Return parameters that begin with the circuits of a pool that fit best, once their factors are set."""
    shapes = triangle[..., :-1] @ pool.T
    free, _ = torch.linalg.qr(triangle[..., [0, -1]])  # what constant and base function can do
    shapes = shapes - free @ (free.mT @ shapes)
    overlap = (target - target @ free @ free.mT) @ shapes
    size = shapes.square().sum(1, keepdim=True).clamp_min(1e-12)
    score = overlap.square() / size if weighted else 2 * overlap - size
    index = score.topk(count, dim=-1).indices
    factor = (overlap / size).gather(-1, index) if weighted else torch.ones_like(index)
    rest = torch.stack([factor, 0 * factor, 0 * factor], -1)
    return torch.cat([drawn[index], rest], -1)


def _descend(
    form: _Form, weighted: bool, triangle: Tensor, target: Tensor, start: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    """Minimise the squares of many small problems at once; return the best end of each one's starts, and its cost.

    Source: D. Marquardt, SIAM J. Appl. Math. 11 (1963) 431; each start has a damping of its own.
    """
    waves, base = triangle[:, None, None, :, :-1], triangle[:, None, None, :, -1]

    def linearised(point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return residuals, their derivatives, and the sums of squares."""
        flat, slopes = form(point[..., :-3].flatten(0, 2))
        shape = (waves @ flat.view(*point.shape[:3], -1, 1)).squeeze(-1)
        slopes = waves @ slopes.view(*point.shape[:3], *slopes.shape[1:])
        w, u, v = point[..., None, -3:].unbind(-1)
        residual = w * shape + u * waves[..., 0] + v * base - target.unsqueeze(2)
        linear = [shape * weighted, waves[..., 0].expand_as(shape), base.expand_as(shape)]
        derivative = torch.cat([w.unsqueeze(-1) * slopes, torch.stack(linear, -1)], -1)
        return residual, derivative, residual.square().sum(-1)

    found = [start, *linearised(start)]
    damping, idle = torch.full_like(found[-1], 1e-3), 0
    for _ in range(iterations):
        point, residual, derivative, cost = found
        normal = derivative.mT @ derivative
        diagonal = normal.diagonal(dim1=-2, dim2=-1)
        more = damping.unsqueeze(-1) * diagonal + 1e-9 * diagonal.amax(-1, keepdim=True) + 1e-12
        gradient = derivative.mT @ residual.unsqueeze(-1)
        trial = point - torch.linalg.solve(normal + torch.diag_embed(more), gradient).squeeze(-1)
        after = [trial, *linearised(trial)]
        less = after[-1] < cost
        idle = 0 if float(torch.where(less, 1 - after[-1] / cost, 0).mean()) > 1e-4 else idle + 1
        if idle == _PATIENCE:
            break
        damping = torch.where(less, damping / 4, damping * 5).clamp(1e-12, 1e12)
        found = [
            torch.where(less.view(*less.shape, *[1] * (new.ndim - 3)), new, old)
            for new, old in zip(after, found, strict=True)
        ]
    cost, index = found[-1].min(-1)
    return found[0].take_along_dim(index[..., None, None], 2).squeeze(2), cost


class _Form:
    """The exact Fourier coefficients of many copies of a circuit at weights of their own."""

    def __init__(self, circuit: Circuit, count: int, device: torch.device) -> None:
        # Copies for each coefficient: then one backward pass gives all derivatives.
        self.count, self.size = count, 2 * circuit.degrees[0] + 1
        self.layer = QuantumKANLayer(
            1,
            self.size * count,
            circuit,
            frequencies="fixed",
            weight=False,
            bias=False,
            base=None,
            generator=torch.Generator().manual_seed(0),  # overwritten
            device=device,
            dtype=torch.float64,
        )
        self.weights = list(self.layer.circuit_weights().values())

    def __call__(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return coefficients, (N, 2 d + 1), and derivatives, (N, 2 d + 1, n), at weights (N, n)."""
        sizes = [weight[..., 0, 0].numel() for weight in self.weights]
        values = torch.split(weights.repeat(self.size, 1).T, sizes)
        for weight, value in zip(self.weights, values, strict=True):
            weight.data.copy_(value.reshape(weight.shape))
        with torch.enable_grad():
            found = self.layer.circuit_coefficients().reshape(self.size, self.size, self.count)
            chosen = found.diagonal().sum()
            slopes = torch.autograd.grad(chosen, self.weights) if self.weights else ()
        parts = [slope.reshape(-1, self.size, self.count) for slope in slopes]
        none = weights.new_zeros(0, self.size, self.count)
        return found[:, 0].detach().T, torch.cat([*parts, none]).permute(2, 1, 0)
