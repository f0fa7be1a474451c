"""What is done to the inputs of a KAN layer before its edge functions see them.

Edge functions resolve a domain, so where the inputs lie matters more than in an MLP. Nothing is done unless it is
asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.layers.checks import inside_transform

__all__ = ["INPUT_MAPS", "ArcCos", "Tanh", "input_map_name", "make_input_map", "usual_inputs"]

INPUT_MAPS = ("none", "tanh", "batch", "layer", "standardise", "arccos")
"""The names that every KAN layer takes as ``input_map``."""


class Tanh(nn.Module):
    r"""Map the real line into an interval around 0, :math:`x \to r \tanh x`.

    Args:
        reach: The largest value r: 1, or pi for functions with a period of two pi.
    """

    def __init__(self, reach: float = 1.0) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        """Return values between -reach and reach."""
        return self.reach * torch.tanh(x)

    def extra_repr(self) -> str:
        """Return the reach."""
        return f"{self.reach:g}"


class ArcCos(nn.Module):
    r"""Map [-1, 1] to angles, :math:`x \to \arccos x`: Fourier edges become polynomials, weighted by square roots."""

    def forward(self, x: Tensor) -> Tensor:
        """Return angles between 0 and pi."""
        if not inside_transform() and x.numel() and float(x.detach().abs().max()) > 1:
            raise UsageError(
                "input_map='arccos' takes inputs in [-1, 1]; "
                f"values in [{float(x.min()):.4g}, {float(x.max()):.4g}] arrived"
            )
        return torch.arccos(x)


def make_input_map(
    name: str,
    features: int,
    *,
    reach: float = 1.0,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Module | None:
    r"""Return the module that maps ``features`` inputs, or None for ``"none"``.

    Args:
        name: ``"none"``; ``"tanh"``: :math:`x \to r \tanh x`; ``"batch"``: ``nn.BatchNorm1d``; ``"layer"``:
            ``nn.LayerNorm`` (as FastKAN, arXiv:2405.06721, has it); ``"standardise"``, by running mean and variance:
            ``nn.BatchNorm1d`` without its affine map; ``"arccos"``, from [-1, 1] to [0, pi]. To a variance torch adds
            1e-5: scale inputs whose spread is below .01 before.
        features: How many inputs there are.
        reach: r; pi for layers whose edges are periodic.
        device: The device of its parameters and statistics.
        dtype: Their type.

    Raises:
        UsageError: If the name is unknown, or ``"layer"`` would make a single input 0.

    Example:
        >>> make_input_map("layer", 3)
        LayerNorm((3,), eps=1e-05, elementwise_affine=True...)
    """
    match name:
        case "none":
            return None
        case "tanh":
            return Tanh(reach)
        case "batch":
            return nn.BatchNorm1d(features, device=device, dtype=dtype)
        case "layer" if features == 1:
            raise UsageError(
                "input_map='layer' makes a single input 0, whatever it is; use 'batch'"
            )
        case "layer":
            return nn.LayerNorm(features, device=device, dtype=dtype)
        case "standardise":
            return nn.BatchNorm1d(features, affine=False, device=device, dtype=dtype)
        case "arccos":
            return ArcCos()
    raise unknown_name("input map", str(name), INPUT_MAPS)


def usual_inputs(
    module: nn.Module | None, domain: tuple[float, float], features: int
) -> tuple[Tensor, Tensor]:
    """Return the inputs between which edges with this domain are worth a look, ``(features,)`` each.

    Where inputs are standardised that is their mean and two standard deviations to either side.
    """
    if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None:
        assert module.running_var is not None  # they come together
        spread = 2 * module.running_var.sqrt()
        return module.running_mean - spread, module.running_mean + spread
    low, high = domain
    if isinstance(module, Tanh | ArcCos):
        high = 2.0 if isinstance(module, Tanh) else 1.0
        low = -high
    return torch.full((features,), low), torch.full((features,), high)


def input_map_name(module: nn.Module | None) -> str:
    """Return the name with which :func:`make_input_map` makes a module.

    Example:
        >>> input_map_name(make_input_map("standardise", 3))
        'standardise'
    """
    if isinstance(module, nn.BatchNorm1d):
        return "batch" if module.affine else "standardise"
    kinds = {type(None): "none", Tanh: "tanh", nn.LayerNorm: "layer", ArcCos: "arccos"}
    if type(module) not in kinds:
        raise UsageError(f"{type(module).__name__} is none of the input maps {INPUT_MAPS}")
    return kinds[type(module)]
