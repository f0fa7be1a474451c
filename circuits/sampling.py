r"""The variance of a Fourier series whose nodes were sampled once.

The series is linear in the node values :math:`v_n`, and so is its value at any input,

.. math:: f(x) = \sum_n K_n(x)\, v_n, \qquad \sum_n K_n(x) = 1, \qquad \sum_n K_n(x)^2 = 1,

so with nodes sampled independently its variance is the mean of their variances with the weights :math:`K_n^2`. With S
shots a node has at most 1/S, hence so has every input: no more than direct shots. But values at two inputs share their
nodes: their covariance is :math:`\sum_n K_n(x) K_n(y) \operatorname{Var} v_n`, which no number of inputs averages out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from circuits import fourier

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["node_weights", "sampled_variance"]


def node_weights(circuit: Circuit, inputs: npt.ArrayLike, output: int) -> npt.NDArray[np.float64]:
    """Return the weights of the node values in an observable's value at each input.

    Shape: inputs (..., num_inputs); result (..., num_nodes), zero for nodes that the observable does not read.

    Args:
        circuit: A circuit that has a Fourier series.
        inputs: Where.
        output: The observable's number.

    Example:
        >>> from circuits import edge
        >>> weights = node_weights(edge("pz(depth=2)"), [[0.3], [1.0]], output=0)
        >>> weights.shape, (weights**2).sum(-1).round(12)
        ((2, 5), array([1., 1.]))
    """
    x = circuit.check_inputs(inputs)
    plan = circuit.plan
    block = next(block for block in plan.blocks if output in block.outputs)
    unit = fourier.coefficients(np.eye(block.size), block.degrees)
    rows = x.reshape(-1, circuit.num_inputs)
    scales = [circuit.scales[k] for k in block.inputs]
    weights = np.zeros((len(rows), len(plan.inputs)))
    weights[:, block.rows] = fourier.evaluate(unit, rows[:, list(block.inputs)].T, scales).T
    return weights.reshape(*x.shape[:-1], -1)


def sampled_variance(
    circuit: Circuit, inputs: npt.ArrayLike, node_variances: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the variance of the series at each input, given that of every node value.

    Shape: inputs (..., num_inputs), node variances (num_nodes, num_observables); result (..., num_observables).

    Args:
        circuit: A circuit that has a Fourier series.
        inputs: Where.
        node_variances: For a Pauli word with mean z and S shots (1 - z^2) / S.
    """
    variances = np.asarray(node_variances, dtype=np.float64)
    columns = [
        node_weights(circuit, inputs, output) ** 2 @ variances[:, output]
        for output in range(circuit.num_observables)
    ]
    return np.stack(columns, axis=-1)
