r"""A layer of quantum edges: every edge function is an expectation value of its own circuit."""

from __future__ import annotations

import logging
import math
from typing import get_args

import torch
from torch import Tensor

from circuits import Circuit
from circuits import fourier as series
from circuits.backends import Backend
from circuits.backends import backend as resolve_backend
from circuits.edges import edge as named_edge
from circuits.errors import unknown_name
from qkan.layers.checks import require_finite, require_samples
from qkan.layers.precision import without_autocast
from qkan.layers.qkan.closed_form import ClosedForm
from qkan.layers.qkan.edge_circuits import EdgeCircuits
from qkan.layers.qkan.evaluation import Evaluation, choose, require_edge, why_no_closed_form
from qkan.layers.qkan.growth import GrowingLayer
from qkan.layers.qkan.weighted_edges import Frequencies

__all__ = ["QuantumKANLayer"]

_log = logging.getLogger(__name__)


class QuantumKANLayer(GrowingLayer):
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
            scales of their own, edges share no basis: the product is then made for each output.
        base: The classical function B, ``"silu"``, ``"tanh"`` or ``"identity"``, or None.
        weight: Whether there is a trainable factor w; else it is 1.
        bias: Whether there is a trainable c; else it is 0.
        trainable: Whether the circuits' own weights are to be trained.
        input_map: What is done to the inputs first: ``"none"``; ``"tanh"``, into (-pi, pi); ``"standardise"``, by
            running mean and variance; ``"arccos"``, from [-1, 1] to angles.
        generator: Draws the initial weights; by default torch's own generator.
        stream: Number of an independent sequence of samples, for layers that share a backend with a seed.
        device: Where the weights are.
        dtype: Of the weights, and of the inputs.

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
            frequencies=frequencies,
            base=base,
            weight=weight,
            bias=bias,
            input_map=input_map,
            device=device,
            dtype=dtype,
        )
        if evaluate not in get_args(Evaluation):
            raise unknown_name("evaluation", str(evaluate), get_args(Evaluation))
        circuit = named_edge(edge) if isinstance(edge, str) else edge
        require_edge(circuit, evaluate)
        if isinstance(backend, str):
            backend = resolve_backend(backend, wires=circuit.num_wires)
        self.circuit, self.backend, self.evaluate = circuit, backend, evaluate
        self.chosen: str | None = None
        self._closed: ClosedForm | None
        self._closed, self._not_closed = why_no_closed_form(circuit, backend, evaluate)
        self.edges = EdgeCircuits(
            circuit,
            backend,
            (in_features, out_features),
            stream=stream,
            device=device,
            dtype=dtype,
        ).requires_grad_(trainable)
        self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        r"""Draw the circuits' weights uniformly and v as ``nn.Linear`` does; set w to :math:`1/\sqrt{in}`, a to 1."""
        self.edges.reset_parameters(generator)
        super().reset_parameters(generator)

    @without_autocast
    def forward(self, input: Tensor) -> Tensor:
        """Return the sums over the edges."""
        require_samples(input, self.in_features, self.dtype, "QuantumKANLayer")
        require_finite(input, "QuantumKANLayer")
        if input.numel() == 0:
            return input.new_zeros((*input.shape[:-1], self.out_features))
        x = self._in_range(input.reshape(-1, self.in_features))
        mode = self.choose(x.shape[0])  # len() would fix the batch of an exported layer
        if mode == "direct":
            y = self.sum_of_values(x, self.edges(self.angles(x)))
        else:
            y = self.sum_of_series(x, self._coefficients(mode), self.circuit.scales[0])
        return self.with_offset(y).reshape(*input.shape[:-1], self.out_features)

    def choose(self, samples: int) -> str:
        """Return the evaluation for so many samples; keep and log the choice and its reason."""
        mode, why = choose(self.evaluate, self.circuit, self._not_closed, samples)
        if not torch.compiler.is_compiling() and f"{mode}: {why}" != self.chosen:
            self.chosen = f"{mode}: {why}"
            _log.info("edges %s are evaluated by %s", self.circuit.name, self.chosen)
        return mode

    @property
    def domain(self) -> tuple[float, float]:
        """One period of the circuit in x, behind the input map, at a = 1."""
        rate = 1.0 if self.circuit.direct_only is not None else self.circuit.scales[0]
        return -math.pi / rate, math.pi / rate

    def coefficients(self) -> Tensor:
        r"""Return the Fourier coefficients of :math:`w (\phi + c)` over 1, cos, sin, cos 2, ... of the scaled input.

        Shape:
            Result: ``(in_features, 2 degree + 1, out_features)``.
        """
        series = self.circuit_coefficients()
        if self.bias is not None:
            series = torch.cat([series[:1] + self.bias, series[1:]])
        return (series if self.weight is None else series * self.weight).movedim(0, 1)

    def circuit_coefficients(self) -> Tensor:
        r"""Return the Fourier coefficients of :math:`\phi_{io}(t)` over 1, cos, sin, cos 2, ... of the scaled input.

        Shape:
            Result: ``(2 degree + 1, in_features, out_features)``.
        """
        self.circuit.require_series()
        return self._coefficients("fourier" if self._closed is None else "closed")

    def edge_functions(self, input: Tensor) -> Tensor:
        r"""Return each edge's :math:`w (\phi(a x + b) + c) + v B(x)`; to plot, to prune, to penalise.

        Shape:
            - Input: ``(*, in_features)``
            - Result: ``(*, in_features, out_features)``
        """
        x = self._in_range(input.reshape(-1, self.in_features))
        return self.edge_values(x).reshape(*input.shape, self.out_features)

    def edge_values(self, x: Tensor) -> Tensor:
        """Return the edge functions at points behind the input map, (N, in) -> (N, in, out)."""
        angles = self.angles(x)
        if self.circuit.direct_only is not None:
            return self.weighted(x, self.edges(angles))
        flat = angles.expand(-1, -1, self.out_features).reshape(len(x), -1)
        basis = series.basis(flat, self.circuit.degrees[0], self.circuit.scales[0])
        values = torch.einsum("kne,ke->ne", basis, self.circuit_coefficients().flatten(1))
        return self.weighted(x, values.reshape(len(x), self.in_features, self.out_features))

    def _coefficients(self, mode: str) -> Tensor:
        if mode == "closed" and self._closed is not None:
            weights = [weight.flatten(-2) for weight in self.edges.weights()]
            flat = self._closed(weights)
        else:
            nodes = torch.from_numpy(series.nodes(self.circuit.degrees, self.circuit.scales))
            values = self.edges(nodes.to(self._like.device))
            flat = series.coefficients(values.flatten(1), self.circuit.degrees).to(self.dtype).T
        return flat.reshape(-1, self.in_features, self.out_features)

    def _in_range(self, x: Tensor) -> Tensor:
        return x if self.input_map is None else self.input_map(x)

    def extra_repr(self) -> str:
        """Describe the layer, and the evaluation that was taken last."""
        taken = f" ({self.chosen})" if self.chosen else ""
        return (
            f"{self.in_features}, {self.out_features}, edge={self.circuit.name}, "
            f"backend={self.backend.name}, evaluate={self.evaluate}{taken}, "
            f"frequencies={self.frequencies}, base={self.base}"
            f"{self.pruned_repr()}"
        )
