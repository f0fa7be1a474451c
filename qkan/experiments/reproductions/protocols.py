"""The two ways in which an accuracy on the test images comes about."""

from __future__ import annotations

from qkan.experiments.reproductions.definitions import Arm

__all__ = ["PROTOCOLS", "arm_name"]

PROTOCOLS = {
    "best_on_test": "the notebook's: trained on all training images, the best epoch on the test images is quoted",
    "validated": "ours: some training images are held back to choose the epoch, the test images are used once",
}
"""The protocols by name."""


def arm_name(arm: Arm, protocol: str) -> str:
    """Return what an arm is called under a protocol.

    Example:
        >>> arm_name(Arm("width_64", {}, {}), "validated")
        'width_64_validated'
    """
    return f"{arm.name}_{protocol}"
