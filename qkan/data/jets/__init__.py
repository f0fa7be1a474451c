"""Jets at the LHC: a sample inside the package, its generator, and readers of published files."""

from __future__ import annotations

from qkan.data.jets.constituents import Constituents
from qkan.data.jets.generate import PROCESSES, JetClass, Process
from qkan.data.jets.observables import OBSERVABLES, images, observables
from qkan.data.jets.sample import JetSample, quark_gluon, read_sample, sample_bytes

__all__ = [
    "OBSERVABLES",
    "PROCESSES",
    "Constituents",
    "JetClass",
    "JetSample",
    "Process",
    "images",
    "observables",
    "quark_gluon",
    "read_sample",
    "sample_bytes",
]
