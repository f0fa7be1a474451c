r"""A QKAN that starts as a trained classical KAN: every quantum edge is fitted to a classical one.

Each classical edge is a curve on the range of its inputs; the circuit on the same edge follows it as closely as its
Fourier degree allows, :math:`w (\phi_\theta(a s + b) + c) + v B(s) \approx f(x)`, with s what the layer's input range
makes of x. Biases and offsets of the KAN are carried over as they are, pruned edges stay pruned.

Source: that the start matters is a finding of the field (a QKAN started from a pruned KAN learnt jets that one with
random weights did not); the fit itself is ours, see :mod:`qkan.layers.qkan.edge_fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from circuits import Circuit
from circuits.backends import Backend
from circuits.errors import UsageError
from qkan.layers.base_functions import BASE_FUNCTIONS
from qkan.layers.checks import evaluating, require_finite
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.input_map import Tanh, input_map_name
from qkan.layers.kan_layer import KANLayer, check_domain, check_size
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.edge_fit import Curves, EdgeParameters, fit_edges
from qkan.layers.qkan.evaluation import Evaluation
from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer
from qkan.models.edge_sizes import edge_values, layer_inputs
from qkan.models.qkan import QKAN, QKANConfig

__all__ = ["EdgeFits", "from_kan"]

_RANGES = {type(None): "none", Tanh: "tanh", nn.BatchNorm1d: "standardise"}
_IGNORED = (nn.Identity, nn.Dropout)


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


def from_kan(
    kan: nn.Module,
    edge: str | Circuit = "pz(depth=3)",
    *,
    x: Tensor | None = None,
    domain: tuple[float, float] | None = None,
    points: int = 65,
    starts: int = 4,
    iterations: int = 50,
    backend: str | Backend = "auto",
    evaluate: Evaluation = "auto",
    generator: torch.Generator | None = None,
    **settings: Any,
) -> QKAN:
    """Return a QKAN whose edges follow those of a KAN; see :meth:`qkan.QKAN.from_kan`."""
    layers = _layers(kan)
    check_size("points", points, least=5)
    check_size("starts", starts)
    check_size("iterations", iterations, least=3)
    if x is not None and domain is not None:
        raise UsageError("give either data, whose ranges are taken, or a domain, not both")
    if x is not None:
        require_finite(x, "from_kan")
        if not x.numel():
            raise UsageError("the ranges of data need at least one sample")
    sizes = (layers[0].in_features, *(layer.out_features for layer in layers))
    settings = {"input_map": _input_map(layers), "base": _base(layers)} | settings
    like = layers[0].weight
    common: dict[str, Any] = {"device": like.device, "dtype": like.dtype, "generator": generator}
    model = QKAN(QKANConfig(sizes), edge, backend=backend, evaluate=evaluate, **common, **settings)
    seen: Sequence[Tensor | None] = [None] * len(layers)
    if x is not None:
        named = {str(index): layer for index, layer in enumerate(layers)}
        seen = list(layer_inputs(kan, named, x).values())
    drawn = torch.Generator().manual_seed(_seed(generator))
    fits = []
    for layer, quantum, inputs in zip(layers, model, seen, strict=True):
        assert isinstance(quantum, QuantumKANLayer)  # a QKAN has no others
        _copy_statistics(layer, quantum, inputs)
        at = _points(layer, inputs, domain, points)
        fits.append(_fit(layer, quantum, at, starts, iterations, drawn))
    model.warm_start = tuple(fits)
    return model.train(kan.training)


def _layers(kan: nn.Module) -> list[KANLayer]:
    parts = [kan] if isinstance(kan, KANLayer) else list(kan.children())
    layers = [part for part in parts if not isinstance(part, _IGNORED)]
    wrong = [type(layer).__name__ for layer in layers if not isinstance(layer, KANLayer)]
    if wrong or not layers:
        raise UsageError(
            f"from_kan takes a chain of classical KAN layers, such as qkan.models.KAN; {type(kan).__name__} holds "
            f"{', '.join(wrong) or 'none'}"
        )
    return layers  # type: ignore[return-value]  # all of them are


def _input_map(layers: Sequence[KANLayer]) -> str:
    names = set()
    for layer in layers:
        module = layer.input_map
        if isinstance(layer, ScaledFourierKANLayer):
            names.add(input_map_name(module))
        elif type(module) in _RANGES:
            names.add(_RANGES[type(module)])
        else:
            raise UsageError(
                "input_map='layer' mixes the inputs of a layer, so that edges are no functions of one input; "
                "train the KAN with input_map='batch', 'tanh' or 'none'"
            )
    if len(names) > 1:
        raise UsageError(
            f"a QKAN has one input range for all layers, this KAN needs {sorted(names)}"
        )
    return names.pop()


def _base(layers: Sequence[KANLayer]) -> str | None:
    """Return the base function of the KAN, which then carries over exactly."""
    bases = {layer.base for layer in layers}
    return bases.pop() if len(bases) == 1 else "silu"


def _seed(generator: torch.Generator | None) -> int:
    device = "cpu" if generator is None else generator.device
    return int(torch.randint(2**31, (), generator=generator, device=device))


def _copy_statistics(layer: KANLayer, quantum: QuantumKANLayer, inputs: Tensor | None) -> None:
    """Give a layer that standardises its inputs the statistics of the KAN, or of the data."""
    own = quantum.input_map
    if not isinstance(own, nn.BatchNorm1d) or own.running_mean is None or own.running_var is None:
        return
    theirs = layer.input_map
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
    """Return the points at which curves are compared, before any normalisation, (count, in_features)."""
    like = layer.weight.detach().double()
    parts: Tensor = torch.linspace(0, 1, count).to(like).unsqueeze(1)
    if inputs is not None:
        lower, upper = inputs.double().amin(0), inputs.double().amax(0)
        single = upper - lower < 1e-9 * (1 + upper.abs())  # an input that never changes
        return torch.lerp(lower - 0.5 * single, upper + 0.5 * single, parts)
    if domain is not None:
        lower, upper = (like.new_tensor(bound) for bound in check_domain(domain))
        return torch.lerp(lower, upper, parts).expand(-1, layer.in_features)
    lower, upper = (like.new_tensor(bound) for bound in layer.domain)
    module = layer.input_map
    if isinstance(module, Tanh):
        lower, upper = lower.clamp_min(-0.98), upper.clamp_max(0.98)
    z = torch.lerp(lower, upper, parts).expand(-1, layer.in_features)
    if isinstance(module, Tanh):
        z = torch.atanh(z)
    elif isinstance(module, nn.BatchNorm1d):
        state = {k: v.double() for k, v in module.state_dict().items()}
        z = (z - state.get("bias", 0)) / state.get("weight", 1)
        z = z * (state["running_var"] + module.eps).sqrt() + state["running_mean"]
    return z


@torch.no_grad()
def _fit(
    layer: KANLayer,
    quantum: QuantumKANLayer,
    x: Tensor,
    starts: int,
    iterations: int,
    generator: torch.Generator,
) -> EdgeFits:
    values = edge_values(layer, x.to(layer.weight)).double()
    with evaluating(quantum):
        s = x if quantum.input_map is None else quantum.input_map(x.to(layer.weight)).double()
    base = None if quantum.base is None else BASE_FUNCTIONS[quantum.base](s)
    count, inputs, outputs = values.shape
    own = quantum.frequencies == "per-edge"  # then every edge is an input of one edge
    groups = (inputs * outputs, 1) if own else (inputs, outputs)

    def by_group(values: Tensor) -> Tensor:
        """From (points, inputs) or (points, inputs, outputs) to groups first."""
        if values.ndim == 2:
            values = values.unsqueeze(-1).expand(-1, -1, outputs if own else 1)
            return values.reshape(count, -1).T
        return values.reshape(count, *groups).movedim(0, 1)

    found = fit_edges(
        quantum.circuit,
        Curves(
            by_group(s),
            by_group(values),
            None if base is None else by_group(base),
            layer.kept_edges.reshape(groups),
            _rates(layer, own),
        ),
        scaled=quantum.scale is not None,
        weighted=quantum.weight is not None,
        starts=starts,
        iterations=iterations,
        generator=generator,
    )
    _install(quantum, found)
    if layer.mask is not None:
        quantum.prune_edges(layer.mask)
    for part in (layer.bias, layer.offset):
        if part is not None:
            quantum.add_offset(part)
    residual = found.residuals.reshape(inputs, outputs, count)
    return EdgeFits(
        residual.square().mean(-1).sqrt(),
        residual.abs().amax(-1),
        values.std(0, unbiased=False),
        x.amin(0),
        x.amax(0),
    )


def _rates(layer: KANLayer, own: bool) -> Tensor | None:
    """Return the frequencies of a Fourier KAN, a start that fits edges of the same degree exactly."""
    if not isinstance(layer, FourierKANLayer) or isinstance(layer.input_map, nn.BatchNorm1d | Tanh):
        return None
    rates = torch.full((layer.in_features, 1), layer.scale, dtype=torch.float64)
    rates = rates.to(layer.weight.device)
    frequency = getattr(layer, "frequency", None)
    if frequency is not None:
        rates = rates * (frequency if frequency.ndim > 1 else frequency.unsqueeze(1))
    if own:
        return rates.expand(-1, layer.out_features).flatten()
    return rates.mean(1)


def _install(quantum: QuantumKANLayer, found: EdgeParameters) -> None:
    """Give the layer what was found; constants that a factor near 0 could not make go to the outputs."""
    edges = (quantum.in_features, quantum.out_features)
    start = 0
    for weight in quantum.edges.weights():
        size = weight[..., 0, 0].numel()
        weight.copy_(found.weights[start : start + size].reshape(weight.shape))
        start += size
    if quantum.scale is not None and quantum.shift is not None:
        quantum.scale.copy_(found.scale.reshape(quantum.scale.shape))
        quantum.shift.copy_(found.shift.reshape(quantum.shift.shape))
    factor, constant = found.weight.reshape(edges), found.constant.reshape(edges)
    if quantum.weight is not None:
        quantum.weight.copy_(factor)
    if quantum.base_weight is not None:
        quantum.base_weight.copy_(found.base_weight.reshape(edges))
    if quantum.bias is not None:
        safe = 1e3 * factor.abs() > constant.abs()
        quantum.bias.copy_(torch.where(safe, constant / torch.where(safe, factor, 1), 0))
        constant = torch.where(safe, 0, constant)
    if bool((constant != 0).any()):
        quantum.add_offset(constant.sum(0))
