"""The series of frozen weights, kept as long as the weights are what they were."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from circuits.series import FourierSeries

__all__ = ["SeriesMemo"]


class SeriesMemo:
    """Keeps a circuit's series together with the weights that it belongs to.

    It is used only while they are the very same tensors with the same values: nothing has to be told that a weight has
    changed, by an optimiser, ``load_state_dict`` or a functional call.
    """

    def __init__(self) -> None:
        self._kept: tuple[list[Tensor], list[Tensor], FourierSeries] | None = None

    def keep(self, module: nn.Module, series: FourierSeries) -> None:
        """Keep the series of a module's weights, if all of them are frozen.

        What a functional call or a vmap puts in their place is not kept.
        """
        weights: list[Tensor] = list(module.parameters())
        plain = all(isinstance(weight, nn.Parameter) for weight in weights)
        if not plain or any(weight.requires_grad for weight in weights):
            return
        # What was made in inference mode could not be used for gradients afterwards.
        with torch.inference_mode(False):
            blocks = tuple(block.detach().clone() for block in series.coefficients)
            kept = FourierSeries(series.plan, blocks, series.scales)
            self._kept = (weights, [weight.detach().clone() for weight in weights], kept)

    def recall(self, module: nn.Module) -> FourierSeries | None:
        """Return the series that was kept, or None if the module's weights are not those any more."""
        if self._kept is None:
            return None
        tensors, values, series = self._kept
        now = list(module.parameters())
        same = all(
            old is new
            and not new.requires_grad
            and (value.dtype, value.device) == (new.dtype, new.device)
            for old, new, value in zip(tensors, now, values, strict=True)
        )
        return series if same and all(map(torch.equal, values, now)) else None
