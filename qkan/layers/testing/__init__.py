"""What a layer of this library promises, as test classes to inherit.

Write ``make`` and let pytest collect the subclass; a new layer then has to keep the promises that
the others keep. It needs pytest, which is not a dependency of the library.
"""

from __future__ import annotations

from qkan.layers.testing.kan import KANLayerContract
from qkan.layers.testing.layer import LayerContract
from qkan.layers.testing.traced import TracedLayerContract

__all__ = ["KANLayerContract", "LayerContract", "TracedLayerContract"]
