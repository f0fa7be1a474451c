"""Values of an exported circuit by Qiskit's own state vector: no code of ours but the observables."""

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

from circuits import parameter_values, qiskit_observables


@pytest.fixture(scope="session")
def qiskit_values():
    def values(exported, circuit, inputs=None, weights=None):
        present = {parameter.name for parameter in exported.parameters}
        bound = (
            {} if inputs is None and weights is None else parameter_values(circuit, inputs, weights)
        )
        state = Statevector(
            exported.assign_parameters({k: v for k, v in bound.items() if k in present})
        )
        return np.array([state.expectation_value(o).real for o in qiskit_observables(circuit)])

    return values
