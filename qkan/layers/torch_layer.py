"""The bridge to PennyLane: its TorchLayer over a circuit and a backend, as torch expects a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pennylane as qml
import torch

from circuits import Circuit
from circuits.backends import Backend

__all__ = ["CircuitTorchLayer"]


class CircuitTorchLayer(qml.qnn.TorchLayer):  # type: ignore[misc]
    """A :class:`pennylane.qnn.TorchLayer` whose weights are the module's own parameters.

    PennyLane keeps a second dictionary of the weights, which ``torch.func.functional_call`` cannot reach, and
    a QNode, which cannot be pickled. Here there is one dictionary, and the QNode is made again on loading.

    Args:
        circuit: The circuit.
        backend: Where it runs.
        weights: The initial values; they keep their dtype and device.

    Shape:
        - inputs: ``(..., num_inputs)``
        - result: ``(..., num_observables)``, of the inputs' dtype.
    """

    def __init__(self, circuit: Circuit, backend: Backend, weights: Mapping[str, torch.Tensor]):
        super().__init__(
            backend.qnode(circuit), dict(circuit.weight_shapes), init_method=dict(weights)
        )
        self.circuit = circuit
        self.backend = backend

    @property
    def qnode_weights(self) -> dict[str, torch.Tensor]:
        """The weights by name, as they are now."""
        return self._parameters  # type: ignore[return-value]

    @qnode_weights.setter
    def qnode_weights(self, weights: dict[str, torch.Tensor]) -> None:
        self._parameters.update(weights)  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "qnode"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["qnode"] = self.backend.qnode(self.circuit)
