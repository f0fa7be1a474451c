"""The parameters of an exported circuit: names for inputs and weights, and the values they take."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.circuit import Parameter

from circuits.errors import CircuitError, UsageError

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["Symbols", "parameter_names", "parameter_values", "symbols"]


def parameter_names(name: str, shape: tuple[int, ...]) -> list[str]:
    """Return the parameters' names for an array, in row-major order.

    They are valid in OpenQASM as they are: a name and its indices joined by underscores.

    Example:
        >>> parameter_names("theta", (2, 2))
        ['theta_0_0', 'theta_0_1', 'theta_1_0', 'theta_1_1']
        >>> parameter_names("phi", ())
        ['phi']
    """
    return ["_".join([name, *map(str, index)]) for index in product(*map(range, shape))]


class Symbols(np.ndarray[Any, Any]):
    """An array of Qiskit's expressions that stays one: single elements are arrays, too, and so are results.

    An expression alone refuses to be added to an array, and PennyLane's functions do not know it. NumPy computes with
    arrays of them by their own methods: ``np.sin(x)`` is ``x.sin()``.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **options: Any) -> Any:
        """Compute element by element, and return an array whatever the shape."""
        plain = [a.view(np.ndarray) if isinstance(a, Symbols) else a for a in args]
        result = getattr(ufunc, method)(*plain, **options)
        return result if np.asarray(result).dtype.kind == "b" else _as_symbols(result)

    def __getitem__(self, key: Any) -> Symbols:
        """Return a part, of shape () if it is one element."""
        return _as_symbols(self.view(np.ndarray)[key])

    def __iter__(self) -> Any:
        """Yield the parts along the first axis."""
        return (self[index] for index in range(len(self)))


def _as_symbols(value: Any) -> Symbols:
    return np.asarray(value, dtype=object).view(Symbols)


def symbols(circuit: Circuit) -> dict[str, Symbols]:
    """Return arrays of parameters: ``inputs``, and every weight by its name.

    Raises:
        CircuitError: If two of them would be called the same.
    """
    shapes = {"inputs": (circuit.num_inputs,), **circuit.weight_shapes}
    names = {array: parameter_names(array, shape) for array, shape in shapes.items()}
    every = [name for several in names.values() for name in several]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise CircuitError(
            f"circuit {circuit.name!r}: two parameters would be called {twice[0]!r}; rename a weight"
        )
    return {
        array: _as_symbols(np.reshape([Parameter(name) for name in names[array]], shape))
        for array, shape in shapes.items()
    }


def parameter_values(
    circuit: Circuit, inputs: Any = None, weights: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the value of each parameter by its name, for ``QuantumCircuit.assign_parameters`` or a PUB.

    Qiskit sorts parameters by name, so values are best bound by name, never by position.

    Args:
        circuit: The circuit.
        inputs: One row, or a batch ``(N, num_inputs)``, which gives an array of N values for each input; None
            leaves the inputs out.
        weights: The weights by name; those left out take the circuit's defaults; None leaves all weights out.

    Raises:
        UsageError: If a shape or a name is wrong, or nothing was given.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> parameter_values(quanvolutional_filter("demo"), inputs=[0.0, 0.1, 0.2, 0.3])
        {'inputs_0': 0.0, 'inputs_1': 0.1, 'inputs_2': 0.2, 'inputs_3': 0.3}
    """
    if inputs is None and weights is None:
        raise UsageError(f"values of circuit {circuit.name!r}: give inputs, weights or both")
    values: dict[str, Any] = {}
    if inputs is not None:
        rows = circuit.check_inputs(inputs)
        if rows.ndim > 2:
            raise UsageError(
                f"inputs of circuit {circuit.name!r} have shape ({circuit.num_inputs},) or "
                f"(N, {circuit.num_inputs}) here; {rows.shape} arrived"
            )
        columns = rows.T if rows.ndim == 2 else rows.tolist()
        values |= zip(parameter_names("inputs", (circuit.num_inputs,)), columns, strict=True)
    if weights is not None:
        for name, value in circuit.check_weights(weights).items():
            values |= zip(parameter_names(name, value.shape), value.ravel().tolist(), strict=True)
    return values
