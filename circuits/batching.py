"""How weights for many circuits are handed to one quantum function, so that they run as one broadcast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from circuits.definition import Circuit
from circuits.tape import CONVENTIONS, elementary, gates_differ, record

__all__ = ["WEIGHT_BATCHING", "weight_batching"]

_ROWS = 3
_SEED = 3

WEIGHT_BATCHING: Mapping[str, Callable[[Any], Any]] = {
    "last": lambda weight: weight,
    "first": lambda weight: weight.permute(weight.ndim - 1, *range(weight.ndim - 1)),
}
"""Views of a torch tensor of shape ``(*shape, N)``: the batch stays last for functions that index their
weights (``theta[0, 1]``), and comes first for those that hand them to a template."""


def weight_batching(circuit: Circuit) -> str | None:
    """Return the key of :data:`WEIGHT_BATCHING` by which every row gets the gates it gets alone.

    Returns:
        None if neither does: then each set of weights is a run of its own.

    Example:
        >>> from circuits.edges import edge
        >>> weight_batching(edge("pz"))
        'last'
    """
    rng = np.random.default_rng(_SEED)
    inputs = rng.uniform(-3, 3, (_ROWS, circuit.num_inputs))
    weights = {n: rng.uniform(-3, 3, (*s, _ROWS)) for n, s in circuit.weight_shapes.items()}
    view = CONVENTIONS[circuit.convention]
    singles = [
        elementary(
            record(circuit.function, view(row), {n: w[..., k] for n, w in weights.items()})[0]
        )
        for k, row in enumerate(inputs)
    ]
    for name in WEIGHT_BATCHING:
        given = (
            weights if name == "last" else {n: np.moveaxis(w, -1, 0) for n, w in weights.items()}
        )
        try:
            batched = elementary(record(circuit.function, view(inputs), given)[0])
            if gates_differ(batched, singles) is None:
                return name
        except Exception:  # whatever a user's function raises, this way is not its way
            continue
    return None
