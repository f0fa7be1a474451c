"""The circuits of trained layers in Qiskit: one an edge, or all edges of a layer side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qiskit.circuit import Parameter, QuantumCircuit
from torch import nn

from circuits import UsageError, to_qiskit
from qkan.layers.quantum import QuantumLayer
from qkan.layers.quantum_kan import QuantumKANLayer

__all__ = ["quantum_circuits"]


def quantum_circuits(
    module: nn.Module, *, bound: bool = True, packed: bool = False
) -> dict[str, QuantumCircuit]:
    """Return the circuits of a module's quantum layers, by their place in it.

    An edge's angle is a x + b, where x is the layer's input after ``input_map``: the parameter ``inputs_i`` for input
    i. What is classical (factors w, the base function, sums over edges) is not part of a circuit.

    Args:
        module: A layer or a model.
        bound: Whether the weights have their trained values, or are parameters: a is then ``frequency``, b ``phase``.
        packed: All edges of a layer in one circuit, on wires of their own, as they do not interact; parameters then end
            in the edge's place, ``theta_0_1_IN_OUT``.

    Returns:
        Names such as ``0.edge_1_2`` (packed: ``0``), and the circuits.

    Raises:
        UsageError: If there is no quantum layer.

    Example:
        >>> import qkan
        >>> found = quantum_circuits(qkan.QKAN([2, 3], edge="pz(depth=1)"))
        >>> len(found), found["0.edge_1_2"].num_parameters
        (6, 1)
        >>> quantum_circuits(qkan.QKAN([2, 3], edge="pz(depth=1)"), packed=True)["0"].num_qubits
        6
    """
    found: dict[str, QuantumCircuit] = {}
    for place, layer in module.named_modules():
        name = place or "layer"
        if isinstance(layer, QuantumLayer):
            values = layer.weight_values() if bound else None
            found[name] = to_qiskit(layer.circuit, values)
        elif isinstance(layer, QuantumKANLayer):
            if packed:
                found[name] = _side_by_side(layer, bound)
            else:
                found |= {
                    f"{name}.edge_{i}_{o}": circuit for (i, o), circuit in _edges(layer, bound)
                }
    if not found:
        raise UsageError(f"{type(module).__name__} has no quantum layer to export")
    return found


def _edges(layer: QuantumKANLayer, bound: bool) -> Iterator[tuple[tuple[int, int], QuantumCircuit]]:
    weights = {
        name: weight.detach().double().cpu().numpy()
        for name, weight in layer.circuit_weights().items()
    }
    free = to_qiskit(layer.circuit)
    for i in range(layer.in_features):
        for o in range(layer.out_features):
            values = {name: weight[..., i, o] for name, weight in weights.items()}
            circuit = to_qiskit(layer.circuit, values) if bound else free
            circuit = _assigned(circuit, {"inputs_0": _angle(layer, i, o, bound)})
            circuit.name = f"{layer.circuit.name}, edge {i} to {o}"
            yield (i, o), circuit


def _angle(layer: QuantumKANLayer, i: int, o: int, bound: bool) -> Any:
    """Return the expression a x + b."""
    x = Parameter(f"inputs_{i}")
    if layer.frequency is None or layer.phase is None:
        return x
    if not bound:
        return Parameter("frequency") * x + Parameter("phase")
    place = (i, o) if layer.frequency.ndim == 2 else (i,)
    return float(layer.frequency.detach()[place]) * x + float(layer.phase.detach()[place])


def _side_by_side(layer: QuantumKANLayer, bound: bool) -> QuantumCircuit:
    width = layer.circuit.num_wires
    edges = layer.in_features * layer.out_features
    packed = QuantumCircuit(edges * width, name=f"{layer.circuit.name}, {edges} edges")
    shared = {f"inputs_{i}": Parameter(f"inputs_{i}") for i in range(layer.in_features)}
    for number, ((i, o), circuit) in enumerate(_edges(layer, bound)):
        own = {p.name: Parameter(f"{p.name}_{i}_{o}") for p in circuit.parameters}
        named = _assigned(circuit, own | {k: p for k, p in shared.items() if k in own})
        packed.compose(named, range(number * width, (number + 1) * width), inplace=True)
    return packed


def _assigned(circuit: QuantumCircuit, values: dict[str, Any]) -> QuantumCircuit:
    present = {parameter.name for parameter in circuit.parameters}
    return circuit.assign_parameters({k: v for k, v in values.items() if k in present})
