"""Two repairs that make every PennyLane device differentiable through torch at full precision."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pennylane as qml

__all__ = ["expand_trainable_batch", "return_float64"]


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


def return_float64(device: qml.devices.Device) -> qml.devices.Device:
    """Make the device return NumPy's float64, and return it.

    ``lightning.*`` returns Python's ``float``, which PennyLane's torch interface reads in torch's
    default dtype: with float32 the values would keep 7 digits of their 16.
    """
    plain: Any = type(device)
    device.__class__ = _with_float64(plain)
    return device


@cache  # PennyLane reads a device's configuration file whenever its class is derived from
def _with_float64(plain: Any) -> type:
    class Float64(plain):  # type: ignore[misc]
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            return _float64(super().execute(*args, **kwargs))

        def execute_and_compute_derivatives(self, *args: Any, **kwargs: Any) -> Any:
            values, jacobians = super().execute_and_compute_derivatives(*args, **kwargs)
            return _float64(values), jacobians

    return Float64


def _float64(results: Any) -> Any:
    if isinstance(results, tuple | list):
        return type(results)(_float64(r) for r in results)
    return np.float64(results) if isinstance(results, float) else results
