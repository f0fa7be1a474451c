"""Classical and quantum Kolmogorov-Arnold networks, and quanvolution, for PyTorch.

The public names are imported when they are first used: ``import qkan`` loads neither torch nor
PennyLane.
"""

from __future__ import annotations

from qkan._guard import require_own_circuits
from qkan._version import __version__

require_own_circuits()

__all__ = ["__version__"]
