"""The demonstration's filter on 196 patches by PennyLane, Aer and a fake device; a training step packed and not."""

from __future__ import annotations

import numpy as np
import pennylane as qml

from circuits import backend, quanvolutional_filter
from circuits.backends.aer import AerBackend
from circuits.backends.estimator import transpiled
from circuits.backends.pubs import pubs_of
from circuits.qiskit import take_apart
from qkan.benchmarks import packed_step
from qkan.benchmarks.harness import Case, Report, measure

__all__ = ["run"]

_PATCHES = 196
"""Of one image of MNIST."""

_SHOTS = 1024


def run(*, repetitions: int = 7) -> Report:
    """Measure one image's patches on several backends, directly and by the nodes of the Fourier series.

    Args:
        repetitions: Turns of each case.
    """
    demo = quanvolutional_filter("demo")
    patches = np.random.default_rng(0).uniform(0, 1, (_PATCHES, demo.num_inputs))
    nodes = demo.plan.inputs
    exact, aer = backend("default.qubit"), AerBackend("aer")
    fake = backend("aer:fake_manila", shots=_SHOTS, seed=1)
    reference = f"default.qubit, {_PATCHES} patches as one broadcast"
    bound = "the same, and a transpilation for Aer"

    def transpile() -> None:
        transpiled.cache_clear()
        transpiled(aer, template)

    def broadcast_and_transpile() -> None:
        exact.run(demo, patches)
        transpile()

    measured = [qml.expval(observable) for observable in demo.observables]
    gates = take_apart(demo.apply(patches[0], **demo.check_weights()))
    ((pub,), _) = pubs_of([qml.tape.QuantumScript(gates, measured)], demo.num_wires)
    template = pub.template
    return measure(
        "backends",
        [
            Case(reference, lambda: exact.run(demo, patches)),
            Case(bound, broadcast_and_transpile, against=reference),
            Case("Aer, exact, one PUB", lambda: aer.run(demo, patches), against=bound, target=2),
            Case(
                f"FakeManila, {_SHOTS} shots, one PUB (target 1500 ms)",
                lambda: fake.run(demo, patches),
                against=reference,
            ),
            Case(
                f"FakeManila, {_SHOTS} shots, its {len(nodes)} nodes (target 400 ms)",
                lambda: fake.run(demo, nodes),
                against=reference,
            ),
            *packed_step.cases(),
        ],
        repetitions=repetitions,
        memory=False,
    )
