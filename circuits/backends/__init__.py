"""Where circuits are run: immutable ``Backend`` values, found by name.

A backend is passed down as an argument; there is no current backend. To add a kind of execution,
write one module with a subclass of ``Backend`` and name it in ``base.KINDS``.
"""

from circuits.backends.base import Backend, BackendInfo
from circuits.backends.noise import NOISE_CHANNELS, Noise
from circuits.backends.registry import backend, backend_names, backend_table

__all__ = [
    "NOISE_CHANNELS",
    "Backend",
    "BackendInfo",
    "Noise",
    "backend",
    "backend_names",
    "backend_table",
]
