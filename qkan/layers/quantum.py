r"""A circuit as a torch layer, evaluated directly or by its Fourier series."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from circuits import Circuit, FourierSeries, UsageError, series_from_values
from circuits.backends import Backend
from circuits.backends import backend as resolve_backend
from qkan.layers.checks import (
    Evaluation,
    check_evaluation,
    choose,
    inside_transform,
    require_circuit,
    require_finite,
    require_floating,
    require_tensor,
    uncompiled,
    without_autocast,
)
from qkan.layers.parameter_shift import circuit_module
from qkan.layers.torch_layer import CircuitModule

__all__ = ["QuantumLayer"]

_log = logging.getLogger(__name__)

_EVALUATIONS = ("auto", "fourier", "direct")

_SURELY_MORE = 64
"""With so many times more rows than nodes, the distinct ones are not counted."""


class QuantumLayer(nn.Module):
    r"""Expectation values of a circuit: :math:`y_m = \langle O_m \rangle(x; \theta)`.

    Wraps :class:`pennylane.qnn.TorchLayer`. With ``evaluate="direct"`` every row of inputs is a circuit. With
    ``evaluate="fourier"`` only the nodes of the circuit's Fourier series are, whatever the batch, and the rest is a
    matrix product; values and gradients are the same, and second derivatives exist on every backend. ``"auto"`` takes
    the series if it has no more nodes than the inputs have distinct rows.

    With shots, the series is made from one sample of each node: at any input its variance is at most 1/shots, but
    values at different inputs are correlated. While all weights are frozen, that sample stays.

    Args:
        circuit: The circuit; see :func:`circuits.circuit` for one of your own.
        backend: A name or a :class:`circuits.backends.Backend`.
        evaluate: ``"auto"``, ``"fourier"`` or ``"direct"``.
        weights: Initial values; those left out take the circuit's defaults, else are drawn from [0, 2 pi).
        trainable: Whether the weights are to be trained.
        generator: Draws the weights that have no value.
        stream: Number of an independent sequence of samples, for layers that share a backend with a seed.
        device: Where the weights are.
        dtype: Of the weights; by default float64, in which simulators compute. The result has the inputs' dtype.

    Shape:
        - inputs: ``(..., num_inputs)``
        - result: ``(..., num_observables)``

    Raises:
        UsageError: If a name is unknown, a shape is wrong, or an input is NaN or infinite.
        CircuitError: If the Fourier series is asked of a circuit that has none.

    Example:
        >>> import torch, circuits, qkan
        >>> layer = qkan.QuantumLayer(circuits.quanvolutional_filter("demo"), evaluate="fourier")
        >>> layer(torch.zeros(2, 5, 4)).shape
        torch.Size([2, 5, 4])

    Source:
        M. Schuld, R. Sweke, J. J. Meyer, Phys. Rev. A 103, 032430 (2021), arXiv:2008.08605; F. J. Schreiber, J. Eisert,
        J. J. Meyer, Phys. Rev. Lett. 131, 100803 (2023), arXiv:2206.11740.
    """

    def __init__(
        self,
        circuit: Circuit,
        backend: str | Backend = "auto",
        *,
        evaluate: Evaluation = "auto",
        weights: Mapping[str, Any] | None = None,
        trainable: bool = True,
        generator: torch.Generator | None = None,
        stream: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self._evaluate = check_evaluation(evaluate, _EVALUATIONS)
        start = _initial(require_circuit(circuit), weights, generator, device, dtype)
        self._take(circuit, backend, start, stream)
        self.torch_layer.requires_grad_(trainable)

    def _take(
        self,
        circuit: Circuit,
        backend: str | Backend,
        weights: Mapping[str, Tensor],
        stream: int,
    ) -> None:
        backend = resolve_backend(backend, circuit=circuit)
        there = backend.adapted(circuit)
        if self._evaluate == "fourier":
            there.require_series()
        self._declared, self.torch_layer = circuit, circuit_module(there, backend, weights, stream)
        self.chosen: str | None = None
        self._memo = _SeriesMemo()

    @property
    def circuit(self) -> Circuit:
        """The circuit, with the spectrum that holds on the backend."""
        return self.torch_layer.circuit

    @property
    def backend(self) -> Backend:
        """Where the circuit runs; assign another one, or its name, and the weights stay."""
        return self.torch_layer.backend

    @backend.setter
    def backend(self, backend: str | Backend) -> None:
        layer = self.torch_layer
        self._take(self._declared, backend, layer.by_name, layer.stream)

    @property
    def evaluate(self) -> Evaluation:
        """How the circuit is evaluated; may be assigned."""
        return self._evaluate

    @evaluate.setter
    def evaluate(self, evaluate: Evaluation) -> None:
        if check_evaluation(evaluate, _EVALUATIONS) == "fourier":
            self.circuit.require_series()
        self._evaluate, self.chosen = evaluate, None

    @property
    def in_features(self) -> int:
        """The number of inputs."""
        return self.circuit.num_inputs

    @property
    def out_features(self) -> int:
        """The number of observables."""
        return self.circuit.num_observables

    @uncompiled
    @without_autocast
    def forward(self, inputs: Tensor) -> Tensor:
        """Return the expectation values."""
        require_tensor(inputs, "QuantumLayer")
        if inputs.ndim == 0 or inputs.shape[-1] != self.in_features:
            raise UsageError(
                f"QuantumLayer of {self.circuit.name!r} expects inputs of shape "
                f"(..., {self.in_features}), {tuple(inputs.shape)} arrived"
            )
        require_floating(inputs, "QuantumLayer")
        require_finite(inputs, "QuantumLayer")
        for name, weight in self.torch_layer.by_name.items():
            require_floating(weight, f"weight {name!r} of QuantumLayer")
        if inputs.numel() == 0:
            return inputs.new_zeros((*inputs.shape[:-1], self.out_features))
        rows = inputs.reshape(-1, self.in_features)
        if self.choose(len(rows), lambda: rows) == "fourier":
            values: Tensor = self.series(inputs)(inputs)
            return values
        return self.direct(rows).reshape(*inputs.shape[:-1], self.out_features)

    def direct(self, rows: Tensor, *, distinct: bool = False) -> Tensor:
        """Run a circuit for every row of inputs, shape ``(N, num_inputs)``.

        Args:
            rows: The inputs.
            distinct: Run equal rows once. Only where that changes nothing: the backend is analytic, and no gradient
                with respect to the inputs is asked for.
        """
        grad = torch.is_grad_enabled()
        plain = not inside_transform()
        if distinct and self.backend.analytic and not (grad and rows.requires_grad) and plain:
            unique, places = torch.unique(rows.detach(), dim=0, return_inverse=True)
            return self.direct(unique)[places]
        trained = any(weight.requires_grad for weight in self.torch_layer.parameters())
        if not plain or (grad and (rows.requires_grad or trained)):
            return self.torch_layer(rows)  # type: ignore[no-any-return]
        # Nothing is differentiated: memory can be bounded.
        with torch.no_grad():
            parts = torch.split(rows, self.backend.chunk_size(self.circuit))
            return torch.cat([self.torch_layer(part) for part in parts])

    def choose(self, count: int, rows: Callable[[], Tensor]) -> str:
        """Return ``"fourier"`` or ``"direct"``; keep and log the choice and its reason.

        Args:
            count: The number of rows of inputs.
            rows: Makes the rows, where the distinct ones have to be counted.
        """
        mode, why = self._decide(count, rows)
        if f"{mode}: {why}" != self.chosen:
            self.chosen = f"{mode}: {why}"
            _log.info("%s is evaluated by %s", self.circuit.name, self.chosen)
        return mode

    def _decide(self, count: int, rows: Callable[[], Tensor]) -> tuple[str, str]:
        if self.evaluate == "auto" and self.circuit.direct_only is None:
            nodes = self.circuit.num_nodes
            if self._memo.recall(self.torch_layer) is not None:
                return "fourier", f"its {nodes} nodes have been run"
            if nodes <= count < _SURELY_MORE * nodes and not inside_transform():
                count = len(torch.unique(rows().detach(), dim=0))
        return choose(self.evaluate, self.circuit, count, "distinct inputs")

    def series(self, like: Tensor | None = None) -> FourierSeries:
        """Return the Fourier series at the present weights, with gradients to them.

        Args:
            like: Gives dtype and device of the coefficients; by default float64 where the weights are.
        """
        exact = self._memo.recall(self.torch_layer)
        if exact is None:
            values = self.node_values()
            exact = series_from_values(self.circuit, values)
            if not values.requires_grad:
                self._memo.keep(self.torch_layer, exact)
        if like is None:
            return exact
        cast = tuple(block.to(like) for block in exact.coefficients)
        return FourierSeries(exact.plan, cast, exact.scales)

    def node_values(self) -> Tensor:
        """Run the nodes on the backend, shape ``(num_nodes, num_observables)``, in float64."""
        nodes = torch.from_numpy(self.circuit.plan.inputs)
        weights = list(self.torch_layer.parameters())
        return self.direct(nodes.to(weights[0].device) if weights else nodes)

    def set_series_values(self, values: Tensor) -> None:
        """Take node values that were run before with the present, frozen weights (from a cache).

        Raises:
            UsageError: If the weights are not frozen, or the values have a wrong shape.
        """
        if any(weight.requires_grad for weight in self.torch_layer.parameters()):
            raise UsageError(
                "node values can be set only while all weights are frozen; call requires_grad_(False)"
            )
        self._memo.keep(self.torch_layer, series_from_values(self.circuit, values))

    def weight_values(self) -> dict[str, np.ndarray]:
        """Return the weights as float64 arrays by name."""
        return {
            name: weight.detach().double().cpu().numpy()
            for name, weight in self.torch_layer.by_name.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": _SeriesMemo()}

    def extra_repr(self) -> str:
        """Describe the layer, and the evaluation that was taken last."""
        taken = f" ({self.chosen})" if self.chosen else ""
        shots = "" if self.backend.shots is None else f", shots={self.backend.shots}"
        return (
            f"{self.circuit.name}, in_features={self.in_features}, out_features={self.out_features}, "
            f"backend={self.backend.name}{shots}, evaluate={self.evaluate}{taken}"
        )


def _initial(
    circuit: Circuit,
    weights: Mapping[str, Any] | None,
    generator: torch.Generator | None,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> dict[str, Tensor]:
    """Return values for every weight: given, else the circuit's own, else drawn."""
    if not (weights is None or isinstance(weights, Mapping)):
        raise UsageError(f"weights are a mapping by name, {type(weights).__name__} arrived")
    if dtype not in (None, torch.float32, torch.float64):
        raise UsageError(f"weights are float32 or float64, dtype={dtype} arrived")
    given = {
        name: value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        for name, value in (weights or {}).items()
    }
    drawn = {
        name: 2 * np.pi * torch.rand(shape, generator=generator, dtype=torch.float64).numpy()
        for name, shape in circuit.weight_shapes.items()
        if name not in given and name not in circuit.defaults
    }
    return {
        name: torch.tensor(value, dtype=dtype or torch.float64, device=device)
        for name, value in circuit.check_weights({**drawn, **given}).items()
    }


class _SeriesMemo:
    """Keeps a circuit's series together with the weights that it belongs to.

    It is used only while they have the very same values: nothing has to be told that a weight has changed, by an
    optimiser, ``load_state_dict``, a parametrization or a functional call. It holds copies, so that tensors can be
    swapped.
    """

    def __init__(self) -> None:
        self._kept: tuple[list[Tensor], FourierSeries] | None = None

    def keep(self, module: CircuitModule, series: FourierSeries) -> None:
        """Keep a series, unless it has a gradient or belongs to weights of a transform."""
        weights = list(module.by_name.values())
        if not all(map(_is_plain, (*weights, *series.coefficients))):
            return
        # What was made in inference mode could not be used for gradients afterwards.
        with torch.inference_mode(False):
            blocks = tuple(block.detach().clone() for block in series.coefficients)
            kept = FourierSeries(series.plan, blocks, series.scales)
            self._kept = [weight.detach().clone() for weight in weights], kept

    def recall(self, module: CircuitModule) -> FourierSeries | None:
        """Return the series that was kept, or None if the module's weights are not those any more."""
        if self._kept is None:
            return None
        values, series = self._kept
        same = all(
            _is_plain(new)
            and (value.dtype, value.device) == (new.dtype, new.device)
            and torch.equal(value, new)
            for value, new in zip(values, module.by_name.values(), strict=True)
        )
        return series if same else None


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor has no gradient to come, neither backwards nor in a transform."""
    if tensor.requires_grad or torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return False
    return not inside_transform() or torch.autograd.forward_ad.unpack_dual(tensor).tangent is None  # type: ignore[no-untyped-call]
