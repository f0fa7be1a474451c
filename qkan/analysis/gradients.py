r"""The variance of a circuit's weight gradients: where it falls exponentially, training stalls.

.. math:: \operatorname{Var}_{\theta}\, \partial \langle O \rangle / \partial \theta_k, \qquad \theta \sim U[0, 2\pi)

Source: J. R. McClean et al., "Barren plateaus in quantum neural network training landscapes", Nature Communications 9,
4812 (2018), arXiv:1803.11173; for local and global observables M. Cerezo et al., arXiv:2001.00550.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits import Circuit, UsageError
from qkan.analysis.batched import draw_weights, parts, run_batched

__all__ = ["GradientVariance", "gradient_variance", "gradient_variances"]


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
    rng: np.random.Generator | None = None,
) -> GradientVariance:
    """Measure the variance of one expectation value's gradient over random weights.

    All settings run as one broadcast on an exact simulator, with one backward pass for all gradients.

    Args:
        circuit: Any circuit with weights.
        samples: How many settings of its weights.
        inputs: The inputs, ``(num_inputs,)``; by default drawn uniformly from one period with each setting.
        observable: Which expectation value.
        rng: Draws weights and inputs.

    Raises:
        UsageError: If the circuit has no weights, or an argument is out of range.

    Example:
        >>> from circuits.edges import edge
        >>> result = gradient_variance(edge("pz(depth=2)"), rng=np.random.default_rng(0))
        >>> result.by_weight["theta"].shape
        (3, 2)
    """
    if not circuit.weight_shapes:
        raise UsageError(f"circuit {circuit.name!r} has no weights, so that there is no gradient")
    if observable not in range(circuit.num_observables):
        raise UsageError(
            f"circuit {circuit.name!r} has observables 0 to {circuit.num_observables - 1}, "
            f"got observable={observable!r}"
        )
    rng = rng or np.random.default_rng()
    weights = draw_weights(circuit, samples, rng)
    if inputs is None:
        rows = rng.uniform(0, 2 * np.pi, (samples, circuit.num_inputs)) / np.array(circuit.scales)
    else:
        one = circuit.check_inputs(inputs)
        if one.ndim != 1:
            raise UsageError(f"expected one row of inputs, shape {one.shape} arrived")
        rows = np.broadcast_to(one, (samples, len(one))).copy()
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in weights}
    for part in parts(circuit, samples):
        given = {
            name: torch.from_numpy(value[part]).requires_grad_() for name, value in weights.items()
        }
        values = run_batched(circuit, torch.from_numpy(rows[part]), given)[:, observable]
        slopes = torch.autograd.grad(
            values.sum(), list(given.values()), allow_unused=True, materialize_grads=True
        )
        for name, slope in zip(given, slopes, strict=True):
            found[name].append(slope.numpy())
    variances = {name: np.concatenate(rows).var(axis=0, ddof=1) for name, rows in found.items()}
    return GradientVariance(variances, samples)


def gradient_variances(
    make: Callable[[int, int], Circuit],
    wires: Sequence[int],
    depths: Sequence[int],
    *,
    samples: int = 200,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """Return the mean variance of a family of circuits against width and depth, ``(wires, depths)``.

    Args:
        make: Returns the circuit of so many wires and so deep.
        wires: The widths.
        depths: The depths.
        samples: How many settings of the weights of each.
        rng: Draws weights and inputs.

    Example:
        >>> from circuits.edges import edge
        >>> make = lambda wires, depth: edge("entangled", wires=wires, depth=depth)
        >>> gradient_variances(make, [2, 3], [1, 2], samples=20).shape
        (2, 2)
    """
    rng = rng or np.random.default_rng()
    rows = [
        [gradient_variance(make(n, depth), samples=samples, rng=rng).mean for depth in depths]
        for n in wires
    ]
    return np.array(rows)
