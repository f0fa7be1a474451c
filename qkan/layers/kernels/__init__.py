"""Fourier series at very many points, for preprocessing whole data sets: no gradients, bounded memory.

The generic evaluation of ``circuits.fourier`` is the reference, and what gradients go through.
"""

from __future__ import annotations

from qkan.layers.kernels.series import SeriesKernel

__all__ = ["SeriesKernel"]
