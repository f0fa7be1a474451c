"""Trained layers in Qiskit: every edge's function, and the layer's, from the exported circuits."""

import numpy as np
import pytest
import torch
from qiskit.quantum_info import SparsePauliOp, Statevector

import qkan
from circuits import UsageError, quanvolutional_filter
from qkan.layers.export import quantum_circuits

X = torch.tensor([[0.3, -1.2]], dtype=torch.float64)


@pytest.fixture(params=["per-input", "per-edge", "fixed"])
def layer(request):
    made = qkan.QuantumKANLayer(
        2,
        3,
        edge="entangled(depth=1)",
        frequencies=request.param,
        base=None,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(3),
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.arange(parameter.numel()).reshape(parameter.shape))
    return made


def values(circuit, wire):
    names = {"inputs_0": 0.3, "inputs_1": -1.2}
    bound = circuit.assign_parameters({p.name: names[p.name] for p in circuit.parameters})
    z = SparsePauliOp.from_sparse_list([("Z", [wire], 1.0)], circuit.num_qubits)
    return Statevector(bound).expectation_value(z).real


def expected(layer):
    """The circuits' own values: the edges without their factor and offset."""
    edges = layer.edge_functions(X)[0].detach()
    return (edges / layer.factor.detach() - layer.constant.detach()).numpy()


def test_one_circuit_an_edge(layer):
    circuits = quantum_circuits(layer)
    found = [[values(circuits[f"layer.edge_{i}_{o}"], 0) for o in range(3)] for i in range(2)]
    np.testing.assert_allclose(found, expected(layer), atol=1e-12)


def test_all_edges_side_by_side(layer):
    packed = quantum_circuits(layer, packed=True)["layer"]
    assert packed.num_qubits == 2 * 6
    assert {p.name for p in packed.parameters} == {"inputs_0", "inputs_1"}
    found = np.reshape([values(packed, 2 * edge) for edge in range(6)], (2, 3))
    np.testing.assert_allclose(found, expected(layer), atol=1e-12)


def test_free_weights_keep_their_places():
    layer = qkan.QuantumKANLayer(2, 1, edge="real(depth=1)")
    alone = quantum_circuits(layer, bound=False)["layer.edge_1_0"]
    assert {p.name for p in alone.parameters} == {"inputs_1", "theta_0", "frequency", "phase"}
    packed = quantum_circuits(layer, bound=False, packed=True)["layer"]
    names = {p.name for p in packed.parameters}
    assert {"inputs_0", "inputs_1", "theta_0_0_0", "theta_0_1_0", "frequency_1_0"} <= names


def test_models_and_filters():
    found = quantum_circuits(qkan.QKAN([2, 1, 1], edge="pz(depth=1)"))
    assert sorted(found) == ["0.edge_0_0", "0.edge_1_0", "1.edge_0_0"]
    filters = qkan.Quanvolution2d([quanvolutional_filter("demo"), quanvolutional_filter("random")])
    assert sorted(quantum_circuits(filters)) == ["filters.0", "filters.1"]
    with pytest.raises(UsageError, match="Linear has no quantum layer"):
        quantum_circuits(torch.nn.Linear(2, 2))
