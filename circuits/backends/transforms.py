"""Repairs that make every PennyLane device differentiable through torch at full precision."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pennylane as qml

__all__ = ["at_full_precision", "expand_trainable_batch"]


@qml.transform  # type: ignore[untyped-decorator]
def expand_trainable_batch(tape: qml.tape.QuantumScript) -> tuple[Any, Any]:
    """Run a batch as one tape a sample, if a batched parameter is to be differentiated.

    PennyLane's parameter shift cannot differentiate a batched parameter, but may keep the batch
    when only others are trained. ``qml.transforms.broadcast_expand`` alone would give up native
    batching in evaluation too.
    """
    batched_and_trained = any(
        tape.par_info[index]["op"].batch_size is not None for index in tape.trainable_params
    )
    if batched_and_trained:
        return qml.transforms.broadcast_expand(tape)  # type: ignore[no-any-return]
    return (tape,), _only


def _only(results: tuple[Any, ...]) -> Any:
    return results[0]


def at_full_precision(device: qml.devices.Device) -> qml.devices.Device:
    """Make a device compute and return what float64 can hold, and return it.

    ``lightning.*`` returns Python's ``float``, which PennyLane's torch interface reads in torch's
    default dtype: with float32 the values would keep 7 digits of their 16. ``default.mixed`` takes
    diagonal gates by their eigenvalues, which PennyLane computes from a torch scalar in torch's
    default dtype: a RZ would be off by 1e-7. Their matrices are complex128.
    """
    plain: Any = type(device)
    device.__class__ = _derived(plain, device.name == "default.mixed")
    return device


@cache  # PennyLane reads a device's configuration file whenever its class is derived from
def _derived(plain: Any, by_matrices: bool) -> type:
    def execute(self: Any, tapes: Any, *args: Any, **kwargs: Any) -> Any:
        if by_matrices:
            single = isinstance(tapes, qml.tape.QuantumScript)
            tapes = _with_matrices(tapes) if single else [_with_matrices(tape) for tape in tapes]
        return _float64(plain.execute(self, tapes, *args, **kwargs))

    def differentiate(self: Any, *args: Any, **kwargs: Any) -> Any:
        values, jacobians = plain.execute_and_compute_derivatives(self, *args, **kwargs)
        return _float64(values), jacobians

    derived: Any = type(plain.__name__, (plain,), {})
    # Set afterwards: methods that a derived class brings along count their executions, once more.
    derived.execute = execute
    derived.execute_and_compute_derivatives = differentiate
    return derived  # type: ignore[no-any-return]


def _float64(results: Any) -> Any:
    if isinstance(results, tuple | list):
        return type(results)(_float64(r) for r in results)
    return np.float64(results) if isinstance(results, float) else results


def _with_matrices(tape: qml.tape.QuantumScript) -> qml.tape.QuantumScript:
    operations = [
        qml.QubitUnitary(op.matrix(), wires=op.wires, unitary_check=False)
        if op.num_params and op in qml.ops.qubit.attributes.diagonal_in_z_basis
        else op
        for op in tape.operations
    ]
    return tape.copy(operations=operations)
