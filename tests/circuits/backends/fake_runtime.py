"""The part of IBM's Runtime that is used, on a state-vector Estimator, its jobs in a folder that processes share.

Calls fail as they are told to: ``faults[call]`` is a list of exceptions, one a call (None: no fault); ``twists[call]``
changes what a call returns; ``fates`` is a list of the statuses that the next jobs go through.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from qiskit.primitives import StatevectorEstimator
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_ibm_runtime.exceptions import IBMRuntimeError
from qiskit_ibm_runtime.options import EstimatorOptions

QUBITS = 5
COUPLINGS = [[0, 1], [1, 2], [2, 3], [3, 4]]


class FakeRuntime:
    """Stands for the module ``qiskit_ibm_runtime``."""

    def __init__(self, folder, *, on_submit=lambda: None):
        self.folder = Path(folder)
        self.faults = defaultdict(list)
        self.twists = {}
        self.fates = []
        self.on_submit = on_submit
        self.calls = []
        self.device = GenericBackendV2(QUBITS, coupling_map=COUPLINGS, seed=1)
        self.device.name = "fake_one"
        self.device.max_shots = 10_000
        self.QiskitRuntimeService = lambda: self.call("connect", Service(self))
        self.EstimatorV2 = type("EstimatorV2", (Estimator,), {"sdk": self})
        self.Batch = type("Batch", (Mode,), {"sdk": self, "kind": "batch"})
        self.Session = type("Session", (Mode,), {"sdk": self, "kind": "session"})

    def call(self, name, value=None):
        self.calls.append(name)
        fault = self.faults[name].pop(0) if self.faults[name] else None
        if fault is not None:
            raise fault
        return self.twists[name](value) if name in self.twists else value

    def sent(self):
        """The options, tags and PUBs' shapes of every job, in the order they were sent."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("job-*.json"))]


class Mode:
    def __init__(self, backend):
        self.sdk.call(f"open {self.kind}")
        self.backend = backend

    def close(self):
        self.sdk.call(f"close {self.kind}")


class Estimator:
    _options_class = EstimatorOptions

    def __init__(self, mode, options):
        EstimatorOptions(**options)
        self.mode, self.options = mode, options

    def run(self, pubs):
        sdk = self.sdk
        sdk.call("submit")
        number = len(list(sdk.folder.glob("job-*.json")))
        for circuit, _, _ in pubs:
            pairs = {
                tuple(sorted(circuit.find_bit(q).index for q in i.qubits)) for i in circuit.data
            }
            assert all(list(pair) in COUPLINGS for pair in pairs if len(pair) == 2)
        values = [
            r.data.evs.tolist() for r in StatevectorEstimator().run(pubs, precision=0).result()
        ]
        metadata = {"shots": self.options["default_shots"], "circuit_metadata": pubs[0][0].metadata}
        fate = sdk.fates.pop(0) if sdk.fates else ["QUEUED", "DONE"]
        options = {k: v for k, v in self.options.items() if k != "environment"}
        facts = {
            "id": f"job-{number}",
            "tags": self.options["environment"]["job_tags"],
            "options": options,
            "mode": getattr(self.mode, "kind", "job"),
            "shapes": [np.shape(values) for values in values],
            "evs": values,
            "metadata": metadata,
            "fate": fate,
        }
        (sdk.folder / f"job-{number}.json").write_text(json.dumps(facts))
        sdk.on_submit()
        return sdk.call("submitted", Job(sdk, f"job-{number}"))


class Service:
    def __init__(self, sdk):
        self.sdk = sdk

    def backend(self, name):
        self.sdk.call("backend")
        if name != "fake_one":
            raise QiskitBackendNotFoundError("No backend matches the criteria.")
        return self.sdk.device

    def backends(self):
        return [self.sdk.device]

    def job(self, job_id):
        return self.sdk.call("job", Job(self.sdk, job_id))

    def jobs(self, job_tags, limit):
        found = [job for job in self.sdk.sent() if set(job_tags) <= set(job["tags"])]
        return self.sdk.call("jobs", [Job(self.sdk, job["id"]) for job in found])


class Job:
    def __init__(self, sdk, job_id):
        self.sdk, self.id = sdk, job_id

    @property
    def facts(self):
        return json.loads((self.sdk.folder / f"{self.id}.json").read_text())

    @property
    def tags(self):
        return self.facts["tags"]

    def job_id(self):
        return self.id

    def status(self):
        facts = self.facts
        status, *rest = facts["fate"]
        if rest:
            facts["fate"] = rest
            (self.sdk.folder / f"{self.id}.json").write_text(json.dumps(facts))
        return self.sdk.call("status", status)

    def error_message(self):
        return "the device\nwas recalibrated"

    def result(self):
        if self.facts["fate"] != ["DONE"]:
            raise IBMRuntimeError("no result")
        data = [SimpleNamespace(evs=np.array(evs)) for evs in self.facts["evs"]]
        metadata = self.facts["metadata"]
        return self.sdk.call("result", [SimpleNamespace(data=d, metadata=metadata) for d in data])
