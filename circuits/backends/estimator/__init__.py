"""Backends driven by a Qiskit Estimator: Aer, snapshots of IBM devices, and what is written on them."""

from circuits.backends.estimator.base import EstimatorBackend
from circuits.backends.estimator.template import Pub, Template

__all__ = ["EstimatorBackend", "Pub", "Template"]
