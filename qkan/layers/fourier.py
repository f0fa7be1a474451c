"""KAN layer with Fourier series on its edges: the classical twin of a quantum KAN layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from circuits.errors import UsageError
from qkan.layers.kan_layer import KANLayer, check_size

__all__ = ["FourierKANLayer"]


class FourierKANLayer(KANLayer):
    r"""A KAN layer whose edge functions are Fourier series.

    .. math::
        y_o = b_o + \sum_i \sum_{k=1}^{d}
            \bigl( c_{iko} \cos(k s x_i) + c_{i,d+k,o} \sin(k s x_i) \bigr)

    An expectation value of a circuit that uploads x in d Pauli rotations of scale s is exactly
    such a series (Schuld, Sweke and Meyer, arXiv:2008.08605, eq. 5), with coefficients that the
    ansatz ties together. Here they are free: whatever a quantum edge of this degree can fit, this
    layer can, which makes it the control that a claim about quantum edges needs.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        degree: The highest harmonic d; a circuit's number of uploads.
        domain: The range of inputs that the initial weights and plots assume; by default one
            period, :math:`(-\pi / s, \pi / s)`.
        base: A fixed function that every edge adds with a weight of its own: ``"silu"``,
            ``"tanh"``, ``"identity"`` or None.
        scale: The angular frequency s of the first harmonic.
        bias: Whether a constant is added to each output.
        input_map: What is done to the inputs first: see :func:`make_input_map`.
        generator: Where the initial weights are drawn from; by default torch's own generator.
        device: The device of the parameters.
        dtype: The type of the parameters.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> layer = FourierKANLayer(2, 3, degree=4)
        >>> x = torch.zeros(5, 2)
        >>> torch.allclose(layer(x), layer(x + 2 * math.pi), atol=1e-5)
        True
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        degree: int = 4,
        domain: tuple[float, float] | None = None,
        base: str | None = None,
        *,
        scale: float = 1.0,
        bias: bool = True,
        input_map: str = "none",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not 0 < scale < math.inf:
            raise UsageError(f"scale must be positive and finite, got {scale}")
        super().__init__(
            in_features,
            out_features,
            2 * check_size("degree", degree),
            domain=(-math.pi / scale, math.pi / scale) if domain is None else domain,
            base=base,
            bias=bias,
            input_map=input_map,
            device=device,
            dtype=dtype,
        )
        self.degree, self.scale = degree, float(scale)
        self.reset_parameters(generator)

    def basis(self, x: Tensor) -> Tensor:
        """Return cosines, then sines, (N, in_features) -> (N, in_features, 2 degree)."""
        harmonics = torch.arange(1, self.degree + 1, device=x.device, dtype=x.dtype) * self.scale
        angle = x.unsqueeze(-1) * harmonics
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)

    def extra_repr(self) -> str:
        """Return the arguments that ``print(layer)`` shows."""
        return (
            f"{super().extra_repr()}, degree={self.degree}, scale={self.scale:g}, "
            f"base={self.base!r}, bias={self.bias is not None}"
        )
