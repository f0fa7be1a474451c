import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import fourier
from circuits.series import count_nodes, plan_nodes

CONES = st.lists(
    st.dictionaries(st.integers(0, 4), st.integers(1, 2), max_size=3), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(CONES)
def test_every_observable_is_fixed_by_its_block(cones):
    scales = (1.0, 2.0, np.pi, 0.5, 3.0)
    plan = plan_nodes(cones, scales)
    assert len(plan.inputs) == count_nodes(cones)
    assert sorted(o for block in plan.blocks for o in block.outputs) == list(range(len(cones)))
    for block in plan.blocks:
        for output in block.outputs:  # the block is at least as large as the cone
            assert all(
                k in block.inputs and block.degrees[block.inputs.index(k)] >= degree
                for k, degree in cones[output].items()
            )
        grid = fourier.nodes(block.degrees, [scales[k] for k in block.inputs])
        np.testing.assert_array_equal(plan.inputs[block.rows][:, list(block.inputs)], grid)


@pytest.mark.parametrize(
    ("cones", "nodes"),
    [
        ([{}], 1),
        ([{0: 1}, {1: 1}, {2: 1}, {3: 1}], 3),  # side by side
        ([{0: 1}, {1: 1}, {2: 1}, {1: 1, 3: 1}], 9),  # the demo filter
        ([{0: 1, 1: 1, 2: 1, 3: 1}], 81),
        ([{0: 1, 1: 1}, {1: 1, 2: 1}], 18),  # they share an input: one after the other
        ([{0: 2}, {0: 1}, {}], 5),  # the largest serves all
        ([dict.fromkeys(range(9), 1)], 19683),
    ],
)
def test_node_counts(cones, nodes):
    assert count_nodes(cones) == nodes


def test_a_huge_count_needs_no_nodes():
    assert count_nodes([dict.fromkeys(range(60), 1)]) == 3**60


def test_a_series_of_too_many_nodes_is_refused_before_it_fills_the_memory():
    import pennylane as qml

    import circuits

    @circuits.circuit(wires=16, inputs=16)
    def wide(inputs):
        for wire in range(16):
            qml.RX(inputs[..., wire], wires=wire)
        for wire in range(15):
            qml.CNOT(wires=[wire, wire + 1])

    assert wide.num_nodes == 3**16
    with pytest.raises(circuits.CircuitError, match=r"needs 43,046,721 circuits.*direct"):
        _ = wide.plan
