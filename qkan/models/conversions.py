r"""From classical to quantum and back, and to more parameters: what keeps the function of a model and changes its kind.

:func:`to_classical` writes quantum layers as Fourier layers, exactly. :func:`refine` gives edges more parameters, exactly.
:func:`follow` starts quantum edges as classical ones, as closely as their Fourier degree allows,
:math:`w (\phi_\theta(a s + b) + c) + v B(s) \approx f(x)`, with s what the layer's input map makes of x. Biases and
offsets of the KAN are carried over as they are, pruned edges stay pruned.

Source: that the start matters is a finding of the field (a QKAN started from a pruned KAN learnt jets that one with
random weights did not); the fit itself is ours.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from circuits import Circuit, fourier
from circuits.edges.refinement import refinement
from circuits.errors import UsageError, check_integer
from qkan.layers.base_functions import BASE_FUNCTIONS
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.checks import evaluating, require_finite
from qkan.layers.input_map import input_map_name, usual_inputs
from qkan.layers.kan_layer import KANLayer, check_domain
from qkan.layers.qkan import QuantumKANLayer
from qkan.models.pruning import layer_inputs

__all__ = ["EdgeFits", "base_of", "follow", "input_map_of", "kan_layers", "refine", "to_classical"]

_IGNORED = (nn.Identity, nn.Dropout)

_POOL, _WINDOWS = 512, (0.4, 0.75, 1.0)
"""So many random circuits are looked through for starts; parts of a period that inputs are first mapped to."""

_ELEMENTS = 2**22
"""So many numbers of a Jacobian are held at once."""


def to_classical(model: nn.Module) -> nn.Module:
    """Return the same function without quantum KAN layers; the model itself stays.

    Equal to 1e-12 in float64, and in float32 to 1e-6, relative to the outputs, or a few times the rounding of the model
    itself where high harmonics amplify it. A :class:`qkan.QKAN` becomes a :class:`qkan.KAN` of layers ``fourier``,
    which trains, saves and loads as any other. Other layers are copied.

    Raises:
        UsageError: If there are no quantum layers.
        CircuitError: If a circuit has no Fourier series.

    Example:
        >>> from qkan.models import QKAN
        >>> model = QKAN([2, 3, 1], edge="pz(depth=2)")
        >>> twin = to_classical(model)
        >>> x = torch.rand(5, 2)
        >>> torch.allclose(twin(x), model(x), atol=1e-6)
        True
        >>> twin.spec()["layers"][1]
        'fourier(degree=2, ...frequencies='per-input'...)'

    Source: F. J. Schreiber, J. Eisert, J. J. Meyer, "Classical surrogates for quantum learning models",
    arXiv:2206.11740; M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
    """
    if not any(isinstance(module, QuantumKANLayer) for module in model.modules()):
        raise UsageError(f"{type(model).__name__} has no quantum KAN layers; it is classical")
    return _without_circuits(model)


def _without_circuits(model: nn.Module) -> nn.Module:
    if isinstance(model, QuantumKANLayer):
        return model.to_classical()
    children = {name: _without_circuits(child) for name, child in model.named_children()}
    of_layers = getattr(model, "of", None)  # a KAN's own way to be made of layers
    if of_layers is not None:
        twin: nn.Module = of_layers(children.values())
        return twin.train(model.training)
    twin = copy.deepcopy(model)
    for name, child in children.items():
        setattr(twin, name, child)
    return twin


def refine(
    model: nn.Module,
    amount: int | None = None,
    *,
    grid: int | None = None,
    uploads: int | None = None,
    edge: Circuit | None = None,
    weights: Any = None,
) -> None:
    """Give the edges of a model more parameters in place, and keep its function.

    Optimisers hold the old parameters: make them anew.

    Args:
        model: The model.
        amount: ``grid`` of a model with splines, or ``uploads`` of one with circuits (by default 1).
        grid: To how many cells the grids of B-spline layers are changed.
        uploads: How many times more quantum edges upload their input.
        edge: The larger circuit, for one of your own.
        weights: Returns its weights from the old ones; see :meth:`qkan.QuantumKANLayer.refine`.

    Raises:
        UsageError: If there is no such layer, or one cannot grow; then none has changed.

    Example:
        >>> from qkan.models import QKAN
        >>> model = QKAN([2, 3, 1], edge="pz(depth=1)")
        >>> x = torch.rand(5, 2)
        >>> before = model(x)
        >>> refine(model, uploads=2)
        >>> torch.allclose(model(x), before, atol=1e-6), model.circuit.name
        (True, 'pz(depth=3)')
    """
    splines = [module for module in model.modules() if isinstance(module, BSplineKANLayer)]
    quantum = [module for module in model.modules() if isinstance(module, QuantumKANLayer)]
    if grid is None and uploads is None:
        if splines and quantum:
            raise UsageError("the model has splines and circuits: say refine(grid=...) or refine(uploads=...)")
        grid, uploads = (amount, None) if splines else (None, 1 if amount is None else amount)
        if splines and grid is None:
            raise UsageError("say to how many cells the grids are to be refined: refine(grid=...)")
    if uploads is not None:
        if not quantum:
            raise UsageError(f"{type(model).__name__} has no quantum KAN layers to refine")
        if edge is None:
            for layer in quantum:
                refinement(layer.circuit, uploads)  # all of them or none
        for layer in quantum:
            layer.refine(uploads, edge=edge, weights=weights)
    if grid is not None:
        if not splines:
            raise UsageError(f"{type(model).__name__} has no B-spline layers to refine")
        check_integer("grid", grid)
        for spline in splines:
            spline.refine(grid)


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
        total = float(
            self.rms.square().sum().sqrt() / self.spread.square().sum().sqrt().clamp_min(1e-300)
        )
        return (
            f"{tuple(self.rms.shape)} edges: residual rms {total:.2e} of the curves' spread; "
            f"worst edge rms {float(self.rms.max()):.2e}, max {float(self.max.max()):.2e}"
        )


def kan_layers(kan: nn.Module) -> list[KANLayer]:
    """Return the classical layers of a chain of them, or of one.

    Raises:
        UsageError: If there are others.
    """
    parts = [kan] if isinstance(kan, KANLayer) else list(kan.children())
    layers = [part for part in parts if not isinstance(part, _IGNORED)]
    classical = [
        part
        for part in layers
        if isinstance(part, KANLayer) and not isinstance(part, QuantumKANLayer)
    ]
    if len(classical) < len(layers) or not layers:
        wrong = [type(part).__name__ for part in layers if part not in classical]
        raise UsageError(
            f"from_kan takes a chain of classical KAN layers, such as qkan.models.KAN; {type(kan).__name__} holds "
            f"{', '.join(wrong) or 'none'}"
        )
    return classical


def input_map_of(layers: Sequence[KANLayer]) -> str:
    """Return the one input map of some layers.

    Raises:
        UsageError: If there are several, or it mixes the inputs.
    """
    names = {input_map_name(layer.input_map) for layer in layers}
    if "layer" in names:
        raise UsageError(
            "input_map='layer' mixes the inputs of a layer, so that edges are no functions of one input; "
            "train the KAN with input_map='batch', 'tanh' or 'none'"
        )
    if len(names) > 1:
        raise UsageError(f"a QKAN has one input map for all layers, this KAN has {sorted(names)}")
    return names.pop()


def base_of(layers: Sequence[KANLayer]) -> str | None:
    """Return the base function of a KAN, which then carries over exactly; ``"silu"`` if it has several."""
    bases = {layer.base for layer in layers}
    return bases.pop() if len(bases) == 1 else "silu"


def follow(
    model: nn.Sequential,
    kan: nn.Module,
    x: Tensor | None = None,
    domain: tuple[float, float] | None = None,
    *,
    points: int = 65,
    starts: int = 4,
    iterations: int = 50,
    generator: torch.Generator | None = None,
) -> tuple[EdgeFits, ...]:
    """Give the quantum edges of a model the shapes of a KAN's; see :meth:`qkan.QKAN.from_kan`."""
    layers = kan_layers(kan)
    check_integer("points", points, 5)
    check_integer("starts", starts)
    check_integer("iterations", iterations, 3)
    seen: Sequence[Tensor | None] = [None] * len(layers)
    if x is not None:
        if domain is not None:
            raise UsageError("give either data, whose ranges are taken, or a domain, not both")
        require_finite(x, "from_kan")
        if not x.numel():
            raise UsageError("the ranges of data need at least one sample")
        named = {str(index): layer for index, layer in enumerate(layers)}
        seen = list(layer_inputs(kan, named, x).values())
    device = "cpu" if generator is None else generator.device
    seed = int(torch.randint(2**31, (), generator=generator, device=device))
    drawn = torch.Generator().manual_seed(seed)
    fits = []
    for layer, quantum, inputs in zip(layers, model, seen, strict=True):
        assert isinstance(quantum, QuantumKANLayer)  # a QKAN has no others
        _copy_statistics(layer, quantum, inputs)
        at = _points(layer, inputs, domain, points)
        fits.append(_fit(layer, quantum, at, starts, iterations, drawn))
    return tuple(fits)


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
def _fit(
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
    own = quantum.scaling == "per-edge"  # then every edge has an input of its own
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
