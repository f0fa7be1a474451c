"""The published single run of the quanvolution benchmark."""

from __future__ import annotations

__all__ = ["PUBLISHED", "PUBLISHED_SOURCE"]

PUBLISHED = {
    "quantum": {"train_loss": 0.0266, "val_loss": 0.9855, "val_accuracy": 0.70},
    "classical": {"train_loss": 0.0399, "val_loss": 1.0123, "val_accuracy": 0.70},
}
"""Its last epoch: with the demo's filter, and on the raw pixels."""

PUBLISHED_SOURCE = (
    "one run of A. Mari's quanvolution demo for PennyLane, 20 outputs, 60 epochs, after "
    "M. Henderson et al., arXiv:1904.04767"
)
