"""A PennyLane device that hands its tapes to an Estimator, so that QNodes and their gradients run on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pennylane as qml
from pennylane.devices.preprocess import validate_device_wires, validate_measurements
from pennylane.transforms.core import CompilePipeline

from circuits.backends.estimator.template import Pub, pubs_of
from circuits.errors import UsageError
from circuits.qiskit import has_twin, take_apart, takes_angles

__all__ = ["EstimatorDevice"]

RunPubs = Callable[[Sequence[Pub], int | None, int], list[npt.NDArray[np.float64]]]


class EstimatorDevice(qml.devices.Device):  # type: ignore[misc]
    """Runs all tapes of one execution as few PUBs: a tape is a row of bindings, a batch many.

    Args:
        wires: The number of wires.
        name: What the device is called.
        run_pubs: Estimates PUBs with (pubs, shots, seed).
        seeds: Draws the seed of each execution, so that successive samples are independent.
    """

    def __init__(self, wires: int, name: str, run_pubs: RunPubs, seeds: np.random.SeedSequence):
        super().__init__(wires=wires)
        self._name = name
        self._run_pubs = run_pubs
        self._seeds = np.random.default_rng(seeds)

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._name

    def preprocess_transforms(
        self, execution_config: qml.devices.ExecutionConfig | None = None
    ) -> CompilePipeline:
        """Return the transforms that leave only what an Estimator takes."""
        pipeline = CompilePipeline()
        pipeline.add_transform(validate_device_wires, self.wires, name=self.name)
        pipeline.add_transform(
            validate_measurements,
            analytic_measurements=_is_expectation,
            sample_measurements=_is_expectation,
            name=self.name,
        )
        pipeline.add_transform(only_with_twins)
        pipeline.add_transform(expand_batched_matrices)
        return pipeline

    def execute(
        self,
        circuits: Any,
        execution_config: qml.devices.ExecutionConfig | None = None,
    ) -> Any:
        """Run tapes; the result of each is an array or, for several measurements, a tuple of them."""
        tapes = [circuits] if isinstance(circuits, qml.tape.QuantumScript) else list(circuits)
        results: list[Any] = [None] * len(tapes)
        for shots in {tape.shots for tape in tapes}:
            chosen = [index for index, tape in enumerate(tapes) if tape.shots == shots]
            values = self._estimate([tapes[index] for index in chosen], shots)
            for index, value in zip(chosen, values, strict=True):
                results[index] = value
        return results[0] if isinstance(circuits, qml.tape.QuantumScript) else tuple(results)

    def _estimate(self, tapes: list[Any], shots: qml.measurements.Shots) -> list[Any]:
        if shots.has_partitioned_shots:
            raise UsageError(f"{self.name!r} takes one number of shots, not {shots}")
        pubs, places = pubs_of(tapes, len(self.wires))
        seed = int(self._seeds.integers(2**31))
        values = self._run_pubs(pubs, shots.total_shots, seed)
        results = []
        for tape, (pub, rows) in zip(tapes, places, strict=True):
            part = values[pub][rows]
            columns = tuple(part.T if tape.batch_size else part[0])
            results.append(columns if len(columns) > 1 else columns[0])
        return results


def _is_expectation(measurement: Any) -> bool:
    return isinstance(measurement, qml.measurements.ExpectationMP)


@qml.transform  # type: ignore[untyped-decorator]
def only_with_twins(tape: qml.tape.QuantumScript) -> tuple[Any, Any]:
    """Decompose what Qiskit has no twin of."""
    if all(map(has_twin, tape.operations)):
        return (tape,), _only
    return (tape.copy(operations=take_apart(tape.operations)),), _only


@qml.transform  # type: ignore[untyped-decorator]
def expand_batched_matrices(tape: qml.tape.QuantumScript) -> tuple[Any, Any]:
    """Make one tape a sample where matrices have a batch: only angles are parameters of a PUB."""
    if any(op.batch_size and not takes_angles(op) for op in tape.operations):
        return qml.transforms.broadcast_expand(tape)  # type: ignore[no-any-return]
    return (tape,), _only


def _only(results: tuple[Any, ...]) -> Any:
    return results[0]
