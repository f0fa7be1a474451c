r"""Circuits at random weights: the Fourier coefficients that they reach, and the variance of their gradients.

.. math:: f(x) = \sum_{|k| \leq d} c_k e^{i k s x}, \qquad c_{-k} = c_k^*, \qquad |f| \leq 1, \qquad
          \operatorname{Var}_{\theta}\, \partial \langle O \rangle / \partial \theta_k, \quad \theta \sim U[0, 2\pi)

An ansatz that ties coefficients together learns less than its free classical twin; where the variance falls
exponentially with the wires, training stalls.

Sources: M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605, section III B and figure 5; J. R. McClean et al., "Barren
plateaus in quantum neural network training landscapes", Nature Communications 9, 4812 (2018), arXiv:1803.11173; for
local and global observables M. Cerezo et al., arXiv:2001.00550.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits import Circuit, UsageError, fourier
from circuits.backends import backend
from circuits.errors import check_integer
from qkan.layers.torch_layer import CircuitTorchLayer

__all__ = [
    "GradientVariance",
    "coefficient_cloud",
    "gradient_variance",
    "random_cloud",
    "reachable_dimension",
    "run_batched",
]

_NUMBERS = 2**22
"""So many amplitudes are kept for the gradient at a time."""
_FINE = 16
"""Points a harmonic where the largest value of a random series is looked for."""


def coefficient_cloud(
    circuit: Circuit,
    *,
    samples: int = 500,
    input: int = 0,
    observable: int = 0,
    rng: np.random.Generator | int | None = None,
) -> NDArray[np.complex128]:
    """Return the complex coefficients at random weights, ``(samples, degree + 1)``.

    Args:
        circuit: A circuit with weights and a Fourier series.
        samples: How many settings of its weights.
        input: The input along which the series is taken; the others are 0.
        observable: Which expectation value.
        rng: Draws the weights: a generator or a seed.

    Raises:
        UsageError: If the circuit has no weights, or there is no such input or observable.
        CircuitError: If the circuit has no Fourier series.

    Example:
        >>> from circuits.edges import edge
        >>> cloud = coefficient_cloud(edge("pz(depth=2)"), rng=np.random.default_rng(0))
        >>> cloud.shape, bool(np.abs(cloud[:, 0]).max() <= 1)
        ((500, 3), True)
    """
    weights = _draw_weights(circuit, samples, np.random.default_rng(rng))
    found = []
    for part in _parts(circuit, samples):
        given = {name: torch.from_numpy(value[part]) for name, value in weights.items()}
        found.append(_coefficients(circuit, given, input, observable).numpy())
    return _complex(np.concatenate(found))


def random_cloud(
    degree: int, *, samples: int = 500, rng: np.random.Generator | int | None = None
) -> NDArray[np.complex128]:
    r"""Return the coefficients of random series whose values fill [-1, 1], ``(samples, degree + 1)``.

    Real coefficients of an orthonormal basis are drawn from a normal distribution (every direction of the space of
    series is as likely) and divided by the largest value: what free coefficients, the classical twin, could be, if they
    had to be an expectation value of Pauli operators.

    Example:
        >>> random_cloud(3, samples=10).shape
        (10, 4)
    """
    check_integer("degree", degree)
    rng = np.random.default_rng(rng)
    real = rng.normal(size=(check_integer("samples", samples), 2 * degree + 1))
    real[:, 1:] *= np.sqrt(2)
    grid = np.linspace(0, 2 * np.pi, _FINE * degree, endpoint=False)
    real /= np.abs(real @ fourier.basis(grid, degree, 1.0)).max(1, keepdims=True)
    return _complex(real)


def _complex(real: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the coefficients of ``exp(ikt)``, k >= 0, for those of 1, cos, sin, cos 2, ... in the columns."""
    return np.concatenate([real[:, :1] + 0j, (real[:, 1::2] - 1j * real[:, 2::2]) / 2], axis=1)


def reachable_dimension(
    circuit: Circuit,
    *,
    samples: int = 20,
    input: int = 0,
    observable: int = 0,
    rng: np.random.Generator | int | None = None,
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
    drawn = _draw_weights(circuit, samples, np.random.default_rng(0 if rng is None else rng))
    weights = {name: torch.from_numpy(value).requires_grad_() for name, value in drawn.items()}
    rows = _coefficients(circuit, weights, input, observable)
    jacobian = [
        torch.cat([slope.flatten(1) for slope in _slopes(column, weights)], dim=1)
        for column in rows.unbind(1)
    ]
    return int(torch.linalg.matrix_rank(torch.stack(jacobian, dim=1), rtol=1e-8).max())


def _slopes(values: Tensor, weights: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the gradients of values, one a setting: these are independent, so their sum has all of them."""
    return torch.autograd.grad(
        values.sum(),
        list(weights.values()),
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )


def _coefficients(
    circuit: Circuit, weights: dict[str, Tensor], input: int, observable: int
) -> Tensor:
    """Return the coefficients over 1, cos, sin, cos 2, ... for each setting of the weights."""
    circuit.require_series()
    if input not in range(circuit.num_inputs) or observable not in range(circuit.num_observables):
        raise UsageError(
            f"circuit {circuit.name!r} has {circuit.num_inputs} inputs and {circuit.num_observables} "
            f"observables, got input={input!r}, observable={observable!r}"
        )
    degree = circuit.degrees[input]
    if degree == 0:
        raise UsageError(f"circuit {circuit.name!r} does not depend on input {input}")
    nodes = torch.zeros(2 * degree + 1, circuit.num_inputs, dtype=torch.float64)
    nodes[:, input] = torch.from_numpy(fourier.nodes([degree], [circuit.scales[input]])[:, 0])
    samples = len(next(iter(weights.values())))
    repeated = {name: value.repeat_interleave(len(nodes), 0) for name, value in weights.items()}
    values = run_batched(circuit, nodes.repeat(samples, 1), repeated)[:, observable]
    table: Tensor = fourier.coefficients(values.reshape(samples, len(nodes)).T, [degree])
    return table


@dataclass(frozen=True, eq=False)
class GradientVariance:
    """What random weights tell of the gradient.

    Attributes:
        by_weight: The variance for each entry of each weight, by name.
        samples: How many settings of the weights it was measured at.
    """

    by_weight: dict[str, NDArray[np.float64]]
    samples: int

    @property
    def mean(self) -> float:
        """The mean over all weights."""
        return float(np.concatenate([v.ravel() for v in self.by_weight.values()]).mean())

    @property
    def largest(self) -> float:
        """That of the weight whose gradient varies most."""
        return float(max(v.max() for v in self.by_weight.values()))


def gradient_variance(
    circuit: Circuit,
    *,
    samples: int = 200,
    inputs: Any = None,
    observable: int = 0,
    rng: np.random.Generator | int | None = None,
) -> GradientVariance:
    """Measure the variance of one expectation value's gradient over random weights.

    All settings run as one broadcast on an exact simulator, with one backward pass for all gradients.

    Args:
        circuit: Any circuit with weights.
        samples: How many settings of its weights.
        inputs: The inputs, ``(num_inputs,)``; by default drawn uniformly from one period with each setting.
        observable: Which expectation value.
        rng: Draws weights and inputs: a generator or a seed.

    Raises:
        UsageError: If the circuit has no weights, or an argument is out of range.

    Example:
        >>> from circuits.edges import edge
        >>> result = gradient_variance(edge("pz(depth=2)"), rng=np.random.default_rng(0))
        >>> result.by_weight["theta"].shape
        (3, 2)
    """
    if observable not in range(circuit.num_observables):
        raise UsageError(
            f"circuit {circuit.name!r} has observables 0 to {circuit.num_observables - 1}, "
            f"got observable={observable!r}"
        )
    rng = np.random.default_rng(rng)
    weights = _draw_weights(circuit, samples, rng)
    if inputs is None:
        rows = rng.uniform(0, 2 * np.pi, (samples, circuit.num_inputs)) / np.array(circuit.scales)
    else:
        one = circuit.check_inputs(inputs)
        if one.ndim != 1:
            raise UsageError(f"expected one row of inputs, shape {one.shape} arrived")
        rows = np.broadcast_to(one, (samples, len(one))).copy()
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in weights}
    for part in _parts(circuit, samples):
        given = {
            name: torch.from_numpy(value[part]).requires_grad_() for name, value in weights.items()
        }
        values = run_batched(circuit, torch.from_numpy(rows[part]), given)[:, observable]
        for name, slope in zip(given, _slopes(values, given), strict=True):
            found[name].append(slope.numpy())
    variances = {name: np.concatenate(rows).var(axis=0, ddof=1) for name, rows in found.items()}
    return GradientVariance(variances, samples)


def _draw_weights(
    circuit: Circuit, samples: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Draw every weight uniformly from [0, 2 pi), ``(samples, *shape)`` each."""
    if not circuit.weight_shapes:
        raise UsageError(f"circuit {circuit.name!r} has no weights: there is nothing to vary")
    check_integer("samples", samples, least=2)
    shapes = circuit.weight_shapes.items()
    return {name: rng.uniform(0, 2 * np.pi, (samples, *shape)) for name, shape in shapes}


def _parts(circuit: Circuit, rows: int) -> Iterator[slice]:
    """Yield slices of the rows that fit into memory, with the states behind every gate."""
    zeros = {name: np.zeros(shape) for name, shape in circuit.weight_shapes.items()}
    gates = len(circuit.gates(np.zeros(circuit.num_inputs), **zeros))
    step = max(1, _NUMBERS // (2**circuit.num_wires * max(gates, 1)))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def run_batched(circuit: Circuit, inputs: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Return exact expectation values, with gradients, for as many inputs as settings of weights.

    Shape:
        - inputs: ``(N, num_inputs)``
        - weights: ``(N, *shape)`` each
        - result: ``(N, num_observables)``
    """
    if circuit.batching is None:
        rows = [
            _run(circuit, row.unsqueeze(0), {name: value[k] for name, value in weights.items()})
            for k, row in enumerate(inputs)
        ]
        return torch.cat(rows)
    batch = {n: circuit.batch_of(torch.movedim(value, 0, -1)) for n, value in weights.items()}
    return _run(circuit, inputs, batch)


def _run(circuit: Circuit, inputs: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    exact = backend("default.qubit")
    blank = {name: torch.zeros_like(value) for name, value in weights.items()}
    module = CircuitTorchLayer(circuit, exact, blank)
    values: Tensor = torch.func.functional_call(module, dict(weights), (inputs,))
    return values
