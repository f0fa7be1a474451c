"""The bridge to PennyLane: its TorchLayer over a circuit and a backend, as torch expects a module."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import pennylane as qml
import torch

from circuits import Circuit, UsageError
from circuits.backends import Backend
from qkan.layers.checks import inside_transform

__all__ = ["CircuitTorchLayer"]


class CircuitTorchLayer(qml.qnn.TorchLayer):  # type: ignore[misc]
    """A :class:`pennylane.qnn.TorchLayer` whose weights are the module's own parameters.

    PennyLane keeps a second dictionary of the weights, which ``torch.func.functional_call`` cannot reach, and
    a QNode, which cannot be pickled. Here there is one dictionary, and the QNode is made again on loading.

    Args:
        circuit: The circuit.
        backend: Where it runs.
        weights: The initial values; they keep their dtype and device. Their shapes may have a batch, for circuits that
            run as one broadcast.
        stream: Number of an independent sequence of samples under the backend's seed.

    Shape:
        - inputs: ``(..., num_inputs)``
        - result: ``(..., num_observables)``, of the inputs' dtype.
    """

    def __init__(
        self,
        circuit: Circuit,
        backend: Backend,
        weights: Mapping[str, torch.Tensor],
        stream: int = 0,
    ):
        qnode = backend.qnode(circuit, stream=stream)
        super().__init__(
            qnode,
            {name: tuple(weights[name].shape) for name in circuit.weight_shapes},
            init_method=dict(weights),
        )
        self.circuit = circuit
        self.backend = backend
        self.stream = stream
        self._plain_qnode = _plain(qnode, backend)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the expectation values; their second derivatives exist or are refused."""
        values: torch.Tensor = super().forward(inputs)
        if values.requires_grad and self.backend.gradient != "backprop":
            # PennyLane's own backward pass is a constant to autograd: what depends on its
            # derivative would be zero without a word.
            values.register_hook(self._refuse_second_derivatives)  # type: ignore[no-untyped-call]
        return values

    def _evaluate_qnode(self, x: torch.Tensor) -> torch.Tensor:
        """Run the QNode, or the one that prepares no gradient where none can be asked for."""
        differentiated = torch.is_grad_enabled() and any(
            tensor.requires_grad for tensor in (x, *self.parameters())
        )
        plain = None if differentiated or inside_transform() else self._plain_qnode
        weights = {name: weight.to(x) for name, weight in self.qnode_weights.items()}
        found = (self.qnode if plain is None else plain)(**{self.input_arg: x}, **weights)
        values = found if isinstance(found, tuple | list) else [found]
        if x.ndim > 1:
            values = [value.reshape(len(x), -1) for value in values]
        return torch.hstack(list(values)).type(x.dtype)

    def _refuse_second_derivatives(self, _: torch.Tensor) -> None:
        if torch.is_grad_enabled():  # create_graph=True
            raise UsageError(
                f"{self.backend.name!r} differentiates by {self.backend.gradient}, which has no second "
                "derivatives (create_graph=True); take those of the inputs with evaluate='fourier', those of "
                "the weights on 'default.qubit' without shots"
            )

    @property
    def qnode_weights(self) -> MutableMapping[str, Any]:
        """The weights by name, as they are now."""
        parameters: MutableMapping[str, Any] = self._parameters
        return parameters

    @qnode_weights.setter
    def qnode_weights(self, weights: Mapping[str, Any]) -> None:
        self._parameters.update(weights)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if "qnode" not in key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        qnode = self.backend.qnode(self.circuit, stream=self.stream)
        self.__dict__.update(qnode=qnode, _plain_qnode=_plain(qnode, self.backend))


def _plain(qnode: qml.QNode, backend: Backend) -> qml.QNode | None:
    """Return the QNode without gradients if that saves work: by the adjoint method they are made with the values."""
    return qnode.update(diff_method=None) if backend.gradient == "adjoint" else None
