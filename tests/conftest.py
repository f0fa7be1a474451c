"""Settings for all tests, before anything is imported."""

from __future__ import annotations

import os

# Small circuits on lightning spend more time waiting for threads than computing, and torch
# likewise; two test processes on two cores would be worse still.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
