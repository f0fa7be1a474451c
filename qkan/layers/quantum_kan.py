r"""A layer of quantum edges: every edge function is an expectation value of its own circuit."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, get_args

import torch
from torch import Tensor, nn

from circuits import Circuit, CircuitError, UsageError
from circuits import fourier as nodes_of
from circuits.backends import Backend
from circuits.backends import backend as resolve_backend
from circuits.bloch import bloch_program
from circuits.edges import edge as named_edge
from circuits.edges.refinement import refinement
from circuits.errors import unknown_name
from qkan.layers.checks import Evaluation, check_evaluation, choose, require_finite, uncompiled
from qkan.layers.edge_circuits import require_edge, run_edges, uniform
from qkan.layers.fourier import FourierKANLayer, Frequencies
from qkan.layers.kan_layer import EdgeSeries, KANLayer
from qkan.layers.one_wire import ClosedForm
from qkan.layers.parameter_shift import circuit_module
from qkan.layers.quantum import QuantumLayer
from qkan.layers.series_sum import harmonics, phases, series_sum

__all__ = ["QuantumKANLayer", "WeightMap", "quantum_layers", "use_backend"]

_log = logging.getLogger(__name__)

WeightMap = Callable[[dict[str, Tensor]], Mapping[str, Tensor]]
"""From the old weights by name, each ``(*shape, in, out)``, to those of a larger circuit."""

_WHERE = {"backend", "evaluate", "stream"}
_TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


class QuantumKANLayer(KANLayer):
    r"""A Kolmogorov-Arnold layer whose edge functions are expectation values of variational circuits.

    .. math::
        y_o = \sum_i \bigl[ w_{io} \bigl( \phi_{io}(a x_i + b) + c_{io} \bigr) + v_{io} B(x_i) \bigr],
        \qquad \phi_{io}(t) = \langle O \rangle(t; \theta_{io}) .

    Each edge is a Fourier series of degree d, so 2d + 1 numbers an edge are all that a circuit is asked for, whatever
    the batch; the layer is then one matrix product. Evaluations, which agree to rounding in values and gradients:

    - ``"direct"``: every sample is a circuit on the backend: the reference, of size batch x in x out.
    - ``"fourier"``: the circuits run at the nodes of the series, for all edges in one broadcast; any backend.
    - ``"closed"``: the series of one-wire circuits is computed by torch alone; exact simulation only.
    - ``"auto"``: closed if the backend is an exact simulator that nothing else was asked of, else fourier if there is a
      series of no more nodes than samples, else direct.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        edge: The circuit on the edges, with one input and one observable: a name such as ``"pz(depth=3)"``
            (:data:`circuits.edges.EDGES`), or a circuit of your own.
        backend: Where circuits run: a name or a :class:`circuits.backends.Backend`.
        evaluate: ``"auto"``, ``"closed"``, ``"fourier"`` or ``"direct"``.
        frequencies: Which edges share a and b: ``"per-input"``, ``"per-edge"``, or ``"fixed"``, a = 1 and b = 0. With
            frequencies of their own, edges share no basis: the product is then made for each output.
        base: The classical function B, ``"silu"``, ``"tanh"`` or ``"identity"``, or None.
        weight: Whether there is a trainable factor w; else it is 1.
        bias: Whether there is a trainable c; else it is 0.
        trainable: Whether the circuits' own weights are to be trained.
        input_map: As every :class:`qkan.layers.KANLayer`; ``"tanh"`` maps into (-pi, pi).
        generator: Draws the initial weights; by default torch's own generator.
        stream: Number of an independent sequence of samples, for layers that share a backend with a seed.
        device: Where the weights are.
        dtype: Of the weights, and of the inputs.

    Attributes:
        frequency: a, trainable, ``(in,)`` or ``(in, out)``; None for 1.
        phase: b, likewise.
        factor: w, ``(in, out)``, or None.
        constant: c, ``(in, out)``, or None.
        circuits: The edges' circuits, a module with their weights, each ``(*shape, in, out)``.
        chosen: The evaluation that was taken last, and why.

    Shape:
        - Input: :math:`(*, \text{in\_features})`
        - Output: :math:`(*, \text{out\_features})`

    Raises:
        UsageError: If a name is unknown, a size or shape or dtype is wrong, or an input is NaN or infinite.
        CircuitError: If the circuit cannot be evaluated as asked.

    Example:
        >>> layer = QuantumKANLayer(2, 3, edge="pz(depth=3)")
        >>> layer(torch.zeros(5, 2)).shape
        torch.Size([5, 3])

    Source:
        J.-C. Jiang et al., arXiv:2509.14026, for the layer; M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605, and
        F. J. Schreiber, J. Eisert, J. J. Meyer, arXiv:2206.11740, for the series. There the input is scaled for each
        upload; here once, so that the spectrum is known.
    """

    feature_axes = KANLayer.feature_axes | dict.fromkeys(
        ("frequency", "phase", "factor", "constant"), (0, 1)
    )
    first_names: ClassVar[Mapping[str, str]] = {
        "edges.torch_layer.": "circuits.",
        "base_weight": "edge_weight",
        "scale": "frequency",
        "shift": "phase",
        "weight": "factor",
        "bias": "constant",
        "input_range.": "input_map.",
    }
    is_series = True
    reach = math.pi

    frequency: nn.Parameter | None
    phase: nn.Parameter | None
    factor: nn.Parameter | None
    constant: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        edge: str | Circuit = "pz",
        *,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        frequencies: Frequencies = "per-input",
        base: str | None = "silu",
        weight: bool = True,
        bias: bool = True,
        trainable: bool = True,
        input_map: str = "none",
        generator: torch.Generator | None = None,
        stream: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(
            in_features,
            out_features,
            0,
            domain=(-math.pi, math.pi),
            base=base,
            bias=False,
            input_map=input_map,
            generator=generator,
            device=device,
            dtype=dtype,
        )
        if frequencies not in get_args(Frequencies):
            raise unknown_name("frequencies", str(frequencies), get_args(Frequencies))
        self._evaluate, self.frequencies = check_evaluation(evaluate), frequencies
        circuit = named_edge(edge) if isinstance(edge, str) else edge
        require_edge(circuit, evaluate)
        edges = (self.in_features, self.out_features)

        def parameter(there: bool, *shape: int) -> nn.Parameter | None:
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if there else None

        shared = edges if frequencies == "per-edge" else edges[:1]
        self.frequency = parameter(frequencies != "fixed", *shared)
        self.phase = parameter(frequencies != "fixed", *shared)
        self.factor = parameter(weight, *edges)
        self.constant = parameter(bias, *edges)
        blank = {
            name: torch.empty(*shape, *edges, device=device, dtype=dtype)
            for name, shape in circuit.weight_shapes.items()
        }
        self._take(circuit, backend, blank, stream)
        self.circuits.requires_grad_(trainable)
        self.reset_parameters(generator)

    def _take(
        self,
        circuit: Circuit,
        backend: str | Backend,
        weights: Mapping[str, Tensor],
        stream: int,
    ) -> None:
        """Put circuits on the edges, with these weights."""
        backend = resolve_backend(backend, circuit=circuit)
        there = backend.adapted(circuit)
        require_edge(there, self._evaluate)
        self._closed = _closed_form(there, backend, self._evaluate)
        self._declared, self.circuits = circuit, circuit_module(there, backend, weights, stream)
        self.chosen: str | None = None

    @property
    def circuit(self) -> Circuit:
        """The circuit on the edges, with the spectrum that holds on the backend."""
        return self.circuits.circuit

    @property
    def backend(self) -> Backend:
        """Where the circuits run; assign another one, or its name, and the weights stay."""
        return self.circuits.backend

    @backend.setter
    def backend(self, backend: str | Backend) -> None:
        self._take(self._declared, backend, self.circuit_weights(), self.stream)

    @property
    def evaluate(self) -> Evaluation:
        """How the circuits are evaluated; may be assigned."""
        return self._evaluate

    @evaluate.setter
    def evaluate(self, evaluate: Evaluation) -> None:
        require_edge(self.circuit, check_evaluation(evaluate))
        self._closed = _closed_form(self.circuit, self.backend, evaluate)
        self._evaluate, self.chosen = evaluate, None

    @property
    def stream(self) -> int:
        """The number of the sequence of samples."""
        return self.circuits.stream

    @property
    def edge(self) -> str:
        """The name of the circuit on the edges."""
        return self.circuit.name

    @property
    def scale(self) -> float:
        """The rate at which the circuit takes its input: the angular frequency of the first harmonic at a = 1."""
        return 1.0 if self.circuit.direct_only is not None else float(self.circuit.scales[0])

    @property
    def domain(self) -> tuple[float, float]:
        """One period of the circuit in mapped inputs, at a = 1."""
        return -math.pi / self.scale, math.pi / self.scale

    def circuit_weights(self) -> dict[str, Tensor]:
        """Return the circuits' weights by name, each ``(*shape, in, out)``."""
        return self.circuits.by_name

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        r"""Draw weights of circuits from [0, 2 pi), v as ``nn.Linear`` does; set w to :math:`1/\sqrt{in}`, a to 1."""
        for weight in self.circuits.parameters():
            weight.copy_(2 * math.pi * uniform(weight.shape, generator))
        bound = 1 / math.sqrt(self.in_features)
        starts = (
            (self.frequency, 1.0),
            (self.phase, 0.0),
            (self.factor, bound),
            (self.constant, 0.0),
        )
        for values, start in starts:
            if values is not None:
                values.fill_(start)
        if self.edge_weight is not None:
            self.edge_weight.copy_(bound * (2 * uniform(self.edge_weight.shape, generator) - 1))

    def mapped(self, input: Tensor) -> Tensor:
        """Check the input, which must be finite, flatten its leading dimensions and map it."""
        if isinstance(input, Tensor) and input.is_floating_point():
            require_finite(input, type(self).__name__)
        return super().mapped(input)

    def choose(self, samples: int) -> str:
        """Return the evaluation for so many samples; keep and log the choice and its reason."""
        if self.evaluate == "auto" and self._closed is not None:
            mode, why = "closed", "its edges have one wire and the simulation is exact"
        else:
            mode, why = choose(self.evaluate, self.circuit, samples, "samples")
        if not torch.compiler.is_compiling() and f"{mode}: {why}" != self.chosen:
            self.chosen = f"{mode}: {why}"
            _log.info("edges %s are evaluated by %s", self.circuit.name, self.chosen)
        return mode

    def sum_of_edges(self, x: Tensor) -> Tensor:
        """Return the sums at mapped inputs, (N, in) -> (N, out)."""
        if x.numel() == 0:
            return x.new_zeros(len(x), self.out_features)
        mode = self.choose(x.shape[0])  # len() would fix the batch of an exported layer
        if mode == "direct":
            return self.plus_base(self._weighted(self._run_at(x)).sum(1), x)
        series, factor = self.circuit_coefficients(mode), self._factor()
        constant, waves = torch.split(series, [1, len(series) - 1])
        waves = waves if factor is None else waves * factor
        y = series_sum(x, self.frequency, self.phase, waves, self.scale)
        return self.plus_base(y + self._weighted(constant).sum((0, 1)), x)

    def coefficients(self) -> Tensor:
        r"""Return the coefficients of :math:`w (\phi + c)` over 1, cos, sin, cos 2, ..., (in, 2 degree + 1, out)."""
        series = self.circuit_coefficients()
        if self.constant is not None:
            series = torch.cat([series[:1] + self.constant, series[1:]])
        return (series if self.factor is None else series * self.factor).movedim(0, 1)

    def circuit_coefficients(self, mode: str | None = None) -> Tensor:
        r"""Return the coefficients of :math:`\phi_{io}(t)` alone, (2 degree + 1, in_features, out_features).

        Args:
            mode: ``"closed"`` or ``"fourier"``; by default closed if there is such a form.

        Raises:
            CircuitError: If the circuit has no Fourier series.
        """
        self.circuit.require_series()
        if self._closed is not None and mode != "fourier":
            flat = self._closed([weight.flatten(-2) for weight in self.circuit_weights().values()])
        else:
            flat = self._from_nodes()
        return flat.reshape(-1, self.in_features, self.out_features)

    @uncompiled
    def _from_nodes(self) -> Tensor:
        nodes = torch.from_numpy(nodes_of.nodes(self.circuit.degrees, self.circuit.scales))
        values = self._run(nodes.to(self._like.device).unsqueeze(-1)).flatten(1)
        found: Tensor = nodes_of.coefficients(values, self.circuit.degrees)
        return found.to(self.dtype).T

    @property
    def num_basis(self) -> int:
        """How many basis functions each edge has: 2 degree + 1, or its value alone where there is no series."""
        return 1 if self.circuit.direct_only is not None else 2 * self.circuit.degrees[0] + 1

    def basis(self, x: Tensor) -> Tensor:
        """Return 1, cos, sin, cos 2, ... of a x + b, (N, in) -> (N, in, 2 degree + 1[, out])."""
        self.circuit.require_series()
        own = self.frequency is not None and self.frequency.ndim == 2
        angles = phases(x.unsqueeze(-1) if own else x, self.frequency, self.phase, self.scale)
        waves = harmonics(angles, self.circuit.degrees[0], dim=2)
        return torch.cat([torch.ones_like(waves[:, :, :1]), waves], dim=2)

    def series(self) -> EdgeSeries:
        """Return the edges as Fourier series of mapped inputs, pruned ones too, without base functions."""
        rate: Tensor = self._like.new_ones(1) if self.frequency is None else self.frequency
        shift: Tensor = self._like.new_zeros(1) if self.phase is None else self.phase
        if rate.ndim == 1:
            rate, shift = rate.unsqueeze(-1), shift.unsqueeze(-1)
        coefficients = self.coefficients().movedim(1, 0)
        rate, shift = self.scale * rate, self.scale * shift
        return EdgeSeries(coefficients, rate, shift, self.scale, self.frequencies)

    def edge_values(self, x: Tensor) -> Tensor:
        """Return the edge functions at mapped inputs, (N, in) -> (N, in, out)."""
        if self.circuit.direct_only is None:
            return super().edge_values(x)
        values = self._weighted(self._run_at(x))
        if self.base_weight is None:
            return values
        return values + self.masked(self.base_function(x).unsqueeze(-1) * self.base_weight)

    def _run(self, inputs: Tensor) -> Tensor:
        """Run the circuits at (rows, in, out), or (rows, in, 1) or (rows, 1, 1) where edges share inputs."""
        every = inputs.expand(-1, self.in_features, self.out_features)
        return run_edges(self.circuits, every)

    @uncompiled
    def _run_at(self, x: Tensor) -> Tensor:
        """Run the circuits at a x + b, (N, in) -> (N, in, out); circuits take float64, so nothing is rounded."""
        angles = x.double().unsqueeze(-1)
        if self.frequency is not None and self.phase is not None:
            a, b = (t if t.ndim == 2 else t.unsqueeze(-1) for t in (self.frequency, self.phase))
            angles = torch.addcmul(b.double(), angles, a.double())
        return self._run(angles).to(self.dtype)

    def _factor(self) -> Tensor | None:
        """Return the factors w, 0 for pruned edges; None if all are 1."""
        if self.factor is None:
            return None if self.mask is None else self.mask.to(self.dtype)
        return self.masked(self.factor)

    def _weighted(self, values: Tensor) -> Tensor:
        values, factor = values if self.constant is None else values + self.constant, self._factor()
        return values if factor is None else values * factor

    @torch.no_grad()
    def select_features(self, inputs: Tensor, outputs: Tensor) -> None:
        """Keep some inputs and outputs in place; see :meth:`KANLayer.select_features`."""
        super().select_features(inputs, outputs)
        weights = self.circuit_weights()
        chosen = {name: w.detach()[..., inputs, :][..., outputs] for name, w in weights.items()}
        self._take_new(self._declared, chosen)

    @torch.no_grad()
    def refine(
        self, uploads: int = 1, *, edge: Circuit | None = None, weights: WeightMap | None = None
    ) -> Self:
        r"""Add uploads of the input to every edge in place, keep the function, and return the layer.

        Started as the identity, the new uploads leave every value as it was:
        :math:`\phi'_{io}(t; \theta', \theta_{new}) = \phi_{io}(t; \theta)` for all t. Edges of the library know how;
        see :mod:`circuits.edges.refinement`. For a circuit of your own give the larger circuit and the map of the
        weights: it is tried, and refused if it changes an edge by more than 1e-6 in float32 or 1e-12 in float64.
        Optimisers hold the old parameters: make them anew.

        Args:
            uploads: How many times more the input is uploaded, for an edge of the library.
            edge: The larger circuit, for one of your own.
            weights: Returns its weights from the old ones.

        Raises:
            UsageError: If the edges cannot grow by so many, or the given weights change the function.
            CircuitError: If the edges cannot grow at all.

        Example:
            >>> layer = QuantumKANLayer(2, 3, edge="pz(depth=2)")
            >>> x = torch.rand(5, 2)
            >>> before = layer(x)
            >>> torch.allclose(layer.refine(uploads=2)(x), before, atol=1e-6)
            True
            >>> layer.edge
            'pz(depth=4)'
        """
        old = self.circuit_weights()
        if (edge is None) != (weights is None):
            raise UsageError(
                "give both or none: edge=, the larger circuit, and weights=, the map of the weights"
            )
        new: dict[str, Tensor] = {}
        if edge is None or weights is None:
            larger = refinement(self._declared, uploads)
            circuit = larger.circuit
            for name, constants in larger.constants.items():
                start = torch.from_numpy(constants).to(old[name])[..., None, None]
                new[name] = start.expand(*constants.shape, *old[name].shape[-2:]).clone()
                new[name][larger.start : larger.start + len(old[name])] += old[name]
        else:
            circuit = edge
            require_edge(circuit, self.evaluate)
            new |= weights({name: value.detach().clone() for name, value in old.items()})
            self._require_same_edges(circuit, new)
        self._take_new(circuit, new)
        return self

    def _take_new(self, circuit: Circuit, weights: Mapping[str, Tensor]) -> None:
        trainable = self.trainable
        self._take(circuit, self.backend, weights, self.stream)
        self.circuits.requires_grad_(trainable)

    def _require_same_edges(self, circuit: Circuit, new: Mapping[str, Tensor]) -> None:
        edges = (self.in_features, self.out_features)
        expected = {name: (*shape, *edges) for name, shape in circuit.weight_shapes.items()}
        found = {n: tuple(w.shape) if isinstance(w, Tensor) else type(w) for n, w in new.items()}
        if found != expected:
            raise UsageError(f"the map of the weights must return {expected}, {found} arrived")
        degrees = [
            8 if c.direct_only is not None else c.degrees[0] for c in (self.circuit, circuit)
        ]
        points = torch.linspace(-9, 9, 4 * sum(degrees) + 3).double().view(-1, 1, 1)
        exact = resolve_backend("default.qubit")
        values = []
        for each, weights in ((self.circuit, self.circuit_weights()), (circuit, new)):
            double = {name: weight.detach().double() for name, weight in weights.items()}
            module = circuit_module(each, exact, double)
            values.append(run_edges(module, points.expand(-1, *edges)))
        change = float((values[0] - values[1]).abs().max())
        if not change <= _TOLERANCE[self.dtype]:
            raise UsageError(
                f"with these weights circuit {circuit.name!r} is another function than {self.circuit.name!r}: an edge "
                f"changes by {change:.3g}, more than {_TOLERANCE[self.dtype]:g}; start the new gates as the identity"
            )

    def to_classical(self) -> FourierKANLayer:
        """Return the Fourier KAN layer that is the same function; see :meth:`FourierKANLayer.twin_of`.

        It shows what of a trained layer needs a quantum computer at inference: nothing.

        Raises:
            CircuitError: If the circuit has no Fourier series.

        Example:
            >>> layer = QuantumKANLayer(2, 3, edge="entangled(wires=2)")
            >>> x = torch.rand(5, 2)
            >>> torch.allclose(layer.to_classical()(x), layer(x), atol=1e-6)
            True
        """
        return FourierKANLayer.twin_of(self)

    def options(self) -> dict[str, Any]:
        """Return the arguments that make a layer of this kind and shape, not where it runs; the edge by its name."""
        options = super().options() | {"bias": self.constant is not None}
        return {name: value for name, value in options.items() if name not in _WHERE}

    @property
    def weight(self) -> bool:
        """Whether there is a factor w."""
        return self.factor is not None

    @property
    def trainable(self) -> bool:
        """Whether the circuits' own weights are trained."""
        return any(weight.requires_grad for weight in self.circuits.parameters())

    def extra_repr(self) -> str:
        """Describe the layer, and the evaluation that was taken last."""
        taken = f" ({self.chosen})" if self.chosen else ""
        where = f"backend={self.backend.name}, evaluate={self.evaluate}{taken}"
        return f"{super().extra_repr()}, {where}"


def _closed_form(circuit: Circuit, backend: Backend, evaluate: str) -> ClosedForm | None:
    """Return the closed form, if there is one and it may be taken.

    Raises:
        CircuitError: If it is asked for and there is none.
        UsageError: If it is asked for and the backend samples or is noisy.
    """
    if evaluate != "closed" and not (evaluate == "auto" and backend.replaceable):
        return None
    if not backend.exact:
        raise UsageError(
            f"the closed form is an exact simulation, but the backend {backend.name!r} has "
            f"shots={backend.shots} and noise={backend.noise}; use evaluate='fourier'"
        )
    try:
        program = bloch_program(circuit)
    except CircuitError:
        if evaluate == "closed":
            raise
        return None
    if program.weights.any():
        return ClosedForm(program, circuit.degrees[0])
    if evaluate == "closed":
        raise CircuitError(
            f"circuit {circuit.name!r} has no weights, so that its edges are all alike; use evaluate='fourier'"
        )
    return None


def quantum_layers(module: nn.Module) -> list[QuantumKANLayer | QuantumLayer]:
    """Return the quantum layers of a module.

    Raises:
        UsageError: If there is none.
    """
    layers = [part for part in module.modules() if isinstance(part, QuantumKANLayer | QuantumLayer)]
    if not layers:
        raise UsageError(f"{type(module).__name__} has no quantum layer, so no backend to change")
    return layers


def use_backend(
    module: nn.Module,
    backend: str | Backend | None = None,
    *,
    evaluate: Evaluation | None = None,
) -> nn.Module:
    """Let every quantum layer of a module run elsewhere or be evaluated otherwise, in place; return the module.

    Weights, and the optimiser that holds them, stay as they are.

    Args:
        module: A layer or a model.
        backend: A name or a :class:`circuits.backends.Backend`; None leaves it.
        evaluate: As the layers' argument; None leaves it.

    Raises:
        UsageError: If there is no quantum layer, or one cannot do it; then none is changed.

    Example:
        >>> import qkan
        >>> model = qkan.QKAN([2, 3], edge="pz(depth=1)")
        >>> qkan.use_backend(model, "default.mixed")[0].backend.name
        'default.mixed'
    """
    layers = quantum_layers(module)
    before = [(layer.evaluate, layer.backend) for layer in layers]
    try:
        for layer in layers:
            if evaluate is not None:
                layer.evaluate = evaluate
            if backend is not None:
                layer.backend = backend
    except UsageError:
        for layer, (how, where) in zip(layers, before, strict=True):
            layer.evaluate, layer.backend = how, where
        raise
    return module
