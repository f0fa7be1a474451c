"""Jet images: the transverse momentum in the pixels of a square around the jet's axis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents

__all__ = ["images"]


def images(jets: Constituents, radius: float, pixels: int = 18) -> npt.NDArray[np.uint8]:
    r"""Return each jet's image, 255 times the square root of the share of transverse momentum in a pixel.

    The square is :math:`2 R \times 2 R` in rapidity and azimuth about the jet's axis, which lies where four
    pixels meet. With half the number of pixels odd, those four are one patch of a two-by-two filter of stride
    two, so the filter does not cut the jet's core. The square root keeps soft particles visible in a byte.

    Args:
        jets: The constituents; those outside the square are left out.
        radius: The jets' radius R.
        pixels: How many a side; twice an odd number.

    Shape:
        Result: (N, 1, pixels, pixels), uint8.

    Raises:
        UsageError: If ``pixels`` is not twice an odd number or the radius is not positive.

    Example:
        >>> one = Constituents.of(np.array([[[500.0, 0.0, 0.0, 22]]]))
        >>> images(one, radius=0.4, pixels=6)[0, 0].max(), images(one, 0.4, 6)[0, 0, 2:4, 2:4].sum()
        (np.uint8(255), np.uint64(255))
    """
    if pixels < 2 or pixels % 4 != 2:
        raise UsageError(
            f"pixels must be twice an odd number, such as 18 or 22, so that a 2x2 filter of stride 2 "
            f"does not cut the jet's core; got {pixels}."
        )
    if not radius > 0:
        raise UsageError(f"the radius of jets must be positive, got {radius}.")
    dy, dphi = jets.relative()
    row, column = (np.floor((d / radius + 1) * pixels / 2).astype(np.int64) for d in (dy, dphi))
    inside = jets.there & (row >= 0) & (row < pixels) & (column >= 0) & (column < pixels)
    jet = np.nonzero(inside)[0]
    place = (jet * pixels + row[inside]) * pixels + column[inside]
    count = len(jets) * pixels**2
    shares = np.bincount(place, jets.z[inside], count).reshape(len(jets), 1, pixels, pixels)
    grey: npt.NDArray[np.uint8] = np.round(255 * np.sqrt(np.minimum(shares, 1.0))).astype(np.uint8)
    return grey
