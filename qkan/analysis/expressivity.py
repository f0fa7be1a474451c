r"""Which Fourier coefficients an ansatz can reach, beside random series of the same degree.

.. math:: f(x) = \sum_{|k| \leq d} c_k e^{i k s x}, \qquad c_{-k} = c_k^*, \qquad |f| \leq 1

Source: M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605, section III B and figure 5.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from circuits import Circuit, UsageError, fourier
from qkan.analysis.batched import draw_weights, parts, run_batched

__all__ = ["coefficient_cloud", "random_cloud", "reachable_dimension"]

_FINE = 16
"""Points a harmonic where the largest value of a random series is looked for."""


def coefficient_cloud(
    circuit: Circuit,
    *,
    samples: int = 500,
    input: int = 0,
    observable: int = 0,
    rng: np.random.Generator | None = None,
) -> NDArray[np.complex128]:
    """Return the complex coefficients at random weights, ``(samples, degree + 1)``.

    Args:
        circuit: A circuit with weights and a Fourier series.
        samples: How many settings of its weights.
        input: The input along which the series is taken; the others are 0.
        observable: Which expectation value.
        rng: Draws the weights.

    Raises:
        UsageError: If the circuit has no weights, or there is no such input or observable.
        CircuitError: If the circuit has no Fourier series.

    Example:
        >>> from circuits.edges import edge
        >>> cloud = coefficient_cloud(edge("pz(depth=2)"), rng=np.random.default_rng(0))
        >>> cloud.shape, bool(np.abs(cloud[:, 0]).max() <= 1)
        ((500, 3), True)
    """
    weights = draw_weights(circuit, samples, rng or np.random.default_rng())
    nodes = _nodes(circuit, input, observable)
    found = []
    for part in parts(circuit, samples):
        given = {name: torch.from_numpy(value[part]) for name, value in weights.items()}
        found.append(_coefficients(circuit, nodes, given, input, observable).numpy())
    c = np.concatenate(found)
    return np.concatenate([c[:, :1] + 0j, (c[:, 1::2] - 1j * c[:, 2::2]) / 2], axis=1)


def random_cloud(
    degree: int, *, samples: int = 500, rng: np.random.Generator | None = None
) -> NDArray[np.complex128]:
    r"""Return the coefficients of random series whose values fill [-1, 1], ``(samples, degree + 1)``.

    Real coefficients of an orthonormal basis are drawn from a normal distribution (every direction of the space of
    series is as likely) and divided by the largest value: what free coefficients, the classical twin, could be, if they
    had to be an expectation value of Pauli operators.

    Example:
        >>> random_cloud(3, samples=10).shape
        (10, 4)
    """
    if degree < 1:
        raise UsageError(f"degree must be at least 1, got {degree}")
    rng = rng or np.random.default_rng()
    real = rng.normal(size=(samples, 2 * degree + 1))
    real[:, 1:] *= np.sqrt(2)
    grid = np.linspace(0, 2 * np.pi, _FINE * degree, endpoint=False)
    real /= np.abs(real @ fourier.basis(grid, degree, 1.0)).max(1, keepdims=True)
    return np.concatenate([real[:, :1] + 0j, (real[:, 1::2] - 1j * real[:, 2::2]) / 2], axis=1)


def reachable_dimension(
    circuit: Circuit,
    *,
    samples: int = 20,
    input: int = 0,
    observable: int = 0,
    rng: np.random.Generator | None = None,
) -> int:
    """Return in how many directions small changes of the weights move the coefficients: at most 2 degree + 1.

    It is the largest rank of the Jacobian of the coefficients over random weights. Where it is below 2 degree + 1, the
    ansatz ties coefficients together that are free in the classical twin.

    Raises:
        UsageError: As :func:`coefficient_cloud`.

    Example:
        >>> from circuits.edges import edge
        >>> reachable_dimension(edge("pz(depth=1)")), reachable_dimension(edge("pz(depth=3)"))
        (3, 7)
    """
    drawn = draw_weights(circuit, samples, rng or np.random.default_rng(0))
    weights = {name: torch.from_numpy(value).requires_grad_() for name, value in drawn.items()}
    nodes = _nodes(circuit, input, observable)
    rows = _coefficients(circuit, nodes, weights, input, observable)
    jacobian = []
    for column in rows.unbind(1):
        # Rows are independent, so the gradient of a sum is the gradient of each of them.
        slopes = torch.autograd.grad(
            column.sum(),
            list(weights.values()),
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        jacobian.append(torch.cat([slope.flatten(1) for slope in slopes], dim=1))
    return int(torch.linalg.matrix_rank(torch.stack(jacobian, dim=1), rtol=1e-8).max())


def _nodes(circuit: Circuit, input: int, observable: int) -> torch.Tensor:
    circuit.require_series()
    if not circuit.weight_shapes:
        raise UsageError(f"circuit {circuit.name!r} has no weights: its coefficients are fixed")
    if input not in range(circuit.num_inputs) or observable not in range(circuit.num_observables):
        raise UsageError(
            f"circuit {circuit.name!r} has {circuit.num_inputs} inputs and {circuit.num_observables} "
            f"observables, got input={input!r}, observable={observable!r}"
        )
    if circuit.degrees[input] == 0:
        raise UsageError(f"circuit {circuit.name!r} does not depend on input {input}")
    nodes = np.zeros((2 * circuit.degrees[input] + 1, circuit.num_inputs))
    nodes[:, input] = fourier.nodes([circuit.degrees[input]], [circuit.scales[input]])[:, 0]
    return torch.from_numpy(nodes)


def _coefficients(
    circuit: Circuit,
    nodes: torch.Tensor,
    weights: dict[str, torch.Tensor],
    input: int,
    observable: int,
) -> torch.Tensor:
    """Return the coefficients over 1, cos, sin, cos 2, ... for each setting of the weights."""
    samples = len(next(iter(weights.values())))
    repeated = {name: value.repeat_interleave(len(nodes), 0) for name, value in weights.items()}
    values = run_batched(circuit, nodes.repeat(samples, 1), repeated)[:, observable]
    table: torch.Tensor = fourier.coefficients(
        values.reshape(samples, len(nodes)).T, [circuit.degrees[input]]
    )
    return table
