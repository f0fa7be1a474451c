"""Circuits as torch modules: their weights are parameters, PennyLane gives values and gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pennylane as qml
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from circuits import Circuit, UsageError
from circuits.backends import Backend
from qkan.layers.checks import inside_transform, uncompiled, without_autocast

__all__ = ["CircuitModule", "CircuitTorchLayer"]


class CircuitModule(nn.Module, ABC):
    """A circuit on a backend, whose weights are the module's own parameters.

    Args:
        circuit: The circuit.
        backend: Where it runs.
        weights: The initial values; they keep their dtype and device, and parameters stay the same ones. Their shapes
            may have a batch, for circuits that run as one broadcast.
        stream: Number of an independent sequence of samples under the backend's seed.

    Shape:
        - inputs: ``(..., num_inputs)``
        - result: ``(..., num_observables)``, of the inputs' dtype.
    """

    def __init__(
        self, circuit: Circuit, backend: Backend, weights: Mapping[str, Tensor], stream: int = 0
    ):
        nn.Module.__init__(self)  # PennyLane's, which may come next, would make weights of its own
        self.circuit, self.backend, self.stream = circuit, backend, stream
        self._keys: dict[str, str] = {}
        for name in circuit.weight_shapes:
            key = name
            while hasattr(self, key) or (key != name and key in circuit.weight_shapes):
                key += "_"  # a weight may be called "training" or "forward"
            value = weights[name]
            parameter = value if isinstance(value, nn.Parameter) else nn.Parameter(value)
            self.register_parameter(key, parameter)
            self._keys[name] = key

    @property
    def by_name(self) -> dict[str, Tensor]:
        """The weights by name, as they are now."""
        return {name: getattr(self, key) for name, key in self._keys.items()}

    @uncompiled
    @without_autocast
    def forward(self, inputs: Tensor) -> Tensor:
        """Return the expectation values; circuits compute in float64, so that no angle is rounded."""
        rows = inputs.reshape(-1, inputs.shape[-1]).double()
        (values,) = self.each([(rows, self.by_name)])
        return values.reshape(*inputs.shape[:-1], -1).to(inputs.dtype)

    @abstractmethod
    def each(self, cases: Sequence[tuple[Tensor, Mapping[str, Tensor]]]) -> list[Tensor]:
        """Return the values of several weights, each at rows of its own, ``(N, num_inputs)``."""


class CircuitTorchLayer(CircuitModule, qml.qnn.TorchLayer):  # type: ignore[misc]
    """A :class:`pennylane.qnn.TorchLayer`: PennyLane differentiates; second derivatives exist or are refused.

    PennyLane keeps a second dictionary of the weights, which ``torch.func.functional_call`` cannot reach, and a QNode,
    which cannot be pickled. Here there is one dictionary, and the QNode is made when it is first used.
    """

    @uncompiled
    @without_autocast
    def forward(self, inputs: Tensor) -> Tensor:
        """Return the expectation values; circuits compute in float64, so that no angle is rounded."""
        values: Tensor = qml.qnn.TorchLayer.forward(self, inputs.double())
        return values.to(inputs.dtype)

    def _evaluate_qnode(self, x: Tensor) -> Tensor:
        (values,) = self.each([(x.reshape(-1, x.shape[-1]), self.by_name)])
        return values.reshape(*x.shape[:-1], -1)

    @property
    def qnode_weights(self) -> Mapping[str, Tensor]:
        """The weights by name, as they are now; PennyLane's word."""
        return self.by_name

    @cached_property
    def qnode(self) -> qml.QNode:
        """The circuit on its device."""
        return self.backend.qnode(self.circuit, stream=self.stream)

    @cached_property
    def _without_gradient(self) -> qml.QNode:
        # By the adjoint method gradients are made with the values.
        adjoint = self.backend.gradient == "adjoint"
        return self.qnode.update(diff_method=None) if adjoint else self.qnode

    @uncompiled
    def each(self, cases: Sequence[tuple[Tensor, Mapping[str, Tensor]]]) -> list[Tensor]:
        """Run the QNode for one case after the other; of several, what gradients need is made again for each."""
        if len(cases) == 1 or self.backend.gradient != "backprop" or inside_transform():
            return [self._values(*case) for case in cases]
        return [checkpoint(self._values, *case, use_reentrant=False) for case in cases]

    def _values(self, rows: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        tensors = (rows, *weights.values())
        gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        qnode = self.qnode if gradient or inside_transform() else self._without_gradient
        found = qnode(inputs=rows, **{name: weight.to(rows) for name, weight in weights.items()})
        found = found if isinstance(found, tuple | list) else [found]
        values = torch.hstack([value.reshape(len(rows), -1) for value in found]).type(rows.dtype)
        if values.requires_grad and self.backend.gradient != "backprop":
            # PennyLane's own backward pass is a constant to autograd: what depends on its
            # derivative would be zero without a word.
            values.register_hook(self._refuse_second_derivatives)  # type: ignore[no-untyped-call]
        return values

    def _refuse_second_derivatives(self, _: Tensor) -> None:
        if torch.is_grad_enabled():  # create_graph=True
            raise UsageError(
                f"{self.backend.name!r} differentiates by {self.backend.gradient}, which has no second "
                "derivatives (create_graph=True); take those of the inputs with evaluate='fourier', those of "
                "the weights on 'default.qubit' without shots"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("qnode", "_without_gradient")}
