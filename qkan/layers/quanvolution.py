"""The quanvolution: a circuit slid over an image, like a convolution's kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from circuits import Circuit, FourierSeries, UsageError
from circuits.backends import Backend
from circuits.errors import check_integer, unknown_name
from qkan.layers.checks import (
    Evaluation,
    inside_transform,
    pair,
    require_circuit,
    require_finite,
    require_floating,
    require_tensor,
    without_autocast,
)
from qkan.layers.quantum import QuantumLayer
from qkan.layers.series_kernel import SeriesKernel

__all__ = ["PatchGrid", "Quanvolution2d"]


class Quanvolution2d(nn.Module):
    r"""Slide circuits over an image: each patch of pixels is the input of a circuit.

    The output's channels are the circuits' observables. Like :class:`torch.nn.Conv2d`, but for the stride, which by
    default is the kernel's size, as in the paper: patches do not overlap.

    Pixels are numbers in [0, 1] (a circuit has its own scale); integer images from 0 to 255 are divided by 255. The
    patch is read row by row, with ``channels="joint"`` channel by channel.

    Args:
        circuits: A circuit, or several, each with as many inputs as a patch has pixels.
        kernel_size: Height and width of a patch.
        stride: Step between patches; by default ``kernel_size``.
        padding: Black pixels added on every side.
        dilation: Step between the pixels of a patch.
        in_channels: The number of channels of the image.
        channels: ``"separate"``: every channel is filtered alone, by the same circuits; output channels are ordered
            by (input channel, circuit, observable). ``"joint"``: a patch holds all channels, and output channels
            are ordered by (circuit, observable).
        trainable: Whether the circuits' weights are to be trained.
        backend: A name or a :class:`circuits.backends.Backend`.
        evaluate: ``"fourier"``, ``"direct"`` or ``"auto"``; see :class:`qkan.QuantumLayer`. Directly and
            without shots, equal patches are run once; with shots each is sampled on its own.
        weights: Initial values of the weights, for all circuits or a list with one mapping a circuit.
        generator: Draws the weights that have no value.
        device: Where the weights are.
        dtype: Of the weights; by default float64.

    Shape:
        - image: ``(N, C, H, W)`` or ``(C, H, W)``
        - result: ``(N, C', H', W')`` or ``(C', H', W')``, with H' and W' as for a convolution.

    Raises:
        UsageError: If a kernel does not fit a circuit, or an image the layer; if pixels are NaN, infinite or
            integers outside 0 to 255.

    Example:
        >>> import torch, circuits, qkan
        >>> conv = qkan.Quanvolution2d(circuits.quanvolutional_filter("demo"), kernel_size=2, stride=2)
        >>> conv(torch.rand(8, 1, 28, 28)).shape
        torch.Size([8, 4, 14, 14])

    Source:
        M. Henderson et al., Quantum Mach. Intell. 2, 2 (2020), arXiv:1904.04767.
    """

    def __init__(
        self,
        circuits: Circuit | Sequence[Circuit],
        kernel_size: int | tuple[int, int] = 2,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        *,
        in_channels: int = 1,
        channels: Literal["separate", "joint"] = "separate",
        trainable: bool = False,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        weights: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        listed = circuits if isinstance(circuits, list | tuple) else [circuits]
        several = [require_circuit(circuit) for circuit in listed]
        if not several:
            raise UsageError("Quanvolution2d needs at least one circuit; an empty list arrived")
        if channels not in ("separate", "joint"):
            raise unknown_name("treatment of channels", str(channels), ["separate", "joint"])
        self.kernel_size = pair("kernel_size", kernel_size, least=1)
        self.stride = self.kernel_size if stride is None else pair("stride", stride, least=1)
        self.padding = pair("padding", padding, least=0)
        self.dilation = pair("dilation", dilation, least=1)
        self.in_channels = check_integer("in_channels", in_channels)
        self.channels = channels
        given: list[Any] = (
            list(weights) if isinstance(weights, list | tuple) else [weights] * len(several)
        )
        if len(given) != len(several):
            raise UsageError(f"{len(several)} circuits need as many weights; {len(given)} arrived")
        pixels = self.grid.pixels
        for circuit in several:
            if circuit.num_inputs != pixels:
                raise UsageError(
                    f"a patch of {self.kernel_size[0]}x{self.kernel_size[1]} pixels in "
                    f"{self.in_channels} {channels} channel(s) is {pixels} inputs, but circuit {circuit.name!r} "
                    f"takes {circuit.num_inputs}; change the kernel, or the circuit's wires"
                )
        self.filters = nn.ModuleList(
            QuantumLayer(
                circuit,
                backend,
                evaluate=evaluate,
                weights=some,
                trainable=trainable,
                generator=generator,
                stream=stream,
                device=device,
                dtype=dtype,
            )
            for stream, (circuit, some) in enumerate(zip(several, given, strict=True))
        )

    @property
    def grid(self) -> PatchGrid:
        """Where the patches of an image lie."""
        return PatchGrid(
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.in_channels,
            joint=self.channels == "joint",
        )

    @property
    def out_channels(self) -> int:
        """The number of the output's channels."""
        return self.grid.groups * sum(layer.out_features for layer in self.quantum_layers)

    @property
    def quantum_layers(self) -> list[QuantumLayer]:
        """The filters as quantum layers."""
        return [layer for layer in self.filters if isinstance(layer, QuantumLayer)]

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return H' and W' for an image of this size, as for a convolution.

        Raises:
            UsageError: If the image is smaller than a patch.
        """
        return self.grid.out_size(height, width)

    @without_autocast
    def forward(self, image: Tensor) -> Tensor:
        """Return the feature maps."""
        require_tensor(image, "Quanvolution2d")
        if image.ndim == 3:
            return self.forward(image[None])[0]
        _require_images(image, self.in_channels, "Quanvolution2d")
        differentiable = torch.is_grad_enabled() and (
            image.requires_grad or any(p.requires_grad for p in self.parameters())
        )
        modes = self._modes(image)
        plain = not differentiable and not inside_transform()
        if plain and all(mode == "fourier" for mode in modes):
            return self.from_series(image, [layer.series() for layer in self.quantum_layers])
        views = self._views(image)
        maps = [
            self._maps(layer, mode, views)
            for layer, mode in zip(self.quantum_layers, modes, strict=True)
        ]
        return torch.cat(maps, dim=2).flatten(1, 2)

    def patches(self, image: Tensor) -> Tensor:
        """Return the circuits' inputs, shape ``(N, groups, H', W', inputs)``.

        ``groups`` is the number of channels that are filtered alone: ``in_channels``, or 1 where they are joint.
        """
        require_tensor(image, "Quanvolution2d")
        _require_images(image, self.in_channels, "Quanvolution2d")
        views = self._views(image)
        return torch.stack(views, dim=-1)

    def _views(self, image: Tensor) -> list[Tensor]:
        """Return a strided view (N, groups, H', W') for each input of the circuits."""
        return self.grid.views(_real_pixels(image, "Quanvolution2d"))

    def _modes(self, image: Tensor) -> list[str]:
        """Choose the evaluation of each filter."""
        rows, columns = self.out_size(image.shape[-2], image.shape[-1])
        count = len(image) * self.grid.groups * rows * columns
        return [
            layer.choose(count, lambda: self.patches(image.detach()).flatten(0, -2))
            for layer in self.quantum_layers
        ]

    def _maps(self, layer: QuantumLayer, mode: str, views: Sequence[Tensor]) -> Tensor:
        """Return the maps of one filter with gradients, shape ``(N, groups, observables, H', W')``."""
        rows = torch.stack(list(views), dim=-1)
        if mode == "fourier":
            values = layer.series(rows)(rows)
        else:
            flat = rows.flatten(0, -2)
            values = layer.direct(flat, distinct=True).reshape(*rows.shape[:-1], -1)
        return torch.movedim(values, -1, 2)

    def from_series(self, image: Tensor, series: Sequence[FourierSeries]) -> Tensor:
        """Return the feature maps of given Fourier series, one a circuit, without gradients.

        Evaluates chunk by chunk, straight into the result; extra memory is bounded.
        """
        _require_images(image, self.in_channels, "Quanvolution2d")
        size = self.out_size(image.shape[-2], image.shape[-1])
        dtype = image.dtype if image.is_floating_point() else torch.get_default_dtype()
        kernels = [SeriesKernel(each, dtype=dtype, device=image.device) for each in series]
        groups = self.grid.groups
        observables = sum(layer.out_features for layer in self.quantum_layers)
        maps = torch.empty(
            (len(image), groups, observables, *size), dtype=dtype, device=image.device
        )
        points = groups * size[0] * size[1]
        step = max(1, min(kernel.chunk for kernel in kernels) // points)
        for start in range(0, len(image), step):
            views = self._views(image[start : start + step])
            part = maps[start : start + step]
            first = 0
            for kernel, layer in zip(kernels, self.quantum_layers, strict=True):
                last = first + layer.out_features
                kernel(views, [part[:, :, o] for o in range(first, last)])
                first = last
        return maps.flatten(1, 2)

    def extra_repr(self) -> str:
        """Describe the geometry."""
        return (
            f"{self.in_channels} {self.channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
        )


@dataclass(frozen=True)
class PatchGrid:
    """Where the patches of an image lie; the geometry of :class:`torch.nn.Conv2d`.

    Args:
        kernel_size: Height and width of a patch.
        stride: Step between patches.
        padding: Black pixels added on every side.
        dilation: Step between the pixels of a patch.
        in_channels: The number of channels of the image.
        joint: Whether a patch holds all channels; else each channel has patches of its own.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    in_channels: int
    joint: bool

    @property
    def pixels(self) -> int:
        """The number of pixels of a patch."""
        area = self.kernel_size[0] * self.kernel_size[1]
        return area * self.in_channels if self.joint else area

    @property
    def groups(self) -> int:
        """The number of channels with patches of their own."""
        return 1 if self.joint else self.in_channels

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many patches there are below and beside each other.

        Raises:
            UsageError: If the image is smaller than a patch.
        """
        sizes = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(
                (height, width),
                self.kernel_size,
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        ]
        if min(sizes) < 1:
            raise UsageError(
                f"an image of {height}x{width} is smaller than a patch: kernel {self.kernel_size}, "
                f"dilation {self.dilation}, padding {self.padding}"
            )
        return sizes[0], sizes[1]

    def views(self, image: Tensor) -> list[Tensor]:
        """Return a strided view for each pixel of a patch, row by row and, if joint, channel by channel.

        Shape:
            - image: ``(N, in_channels, H, W)``
            - result: each ``(N, groups, H', W')``
        """
        rows, columns = self.out_size(image.shape[-2], image.shape[-1])
        (ph, pw), (sh, sw), (dh, dw) = self.padding, self.stride, self.dilation
        if ph or pw:
            image = pad(image, (pw, pw, ph, ph))
        views = [
            image[
                :,
                :,
                i * dh : i * dh + sh * (rows - 1) + 1 : sh,
                j * dw : j * dw + sw * (columns - 1) + 1 : sw,
            ]
            for i in range(self.kernel_size[0])
            for j in range(self.kernel_size[1])
        ]
        if not self.joint:
            return views
        return [view[:, c : c + 1] for c in range(self.in_channels) for view in views]


def _require_images(image: Tensor, in_channels: int, who: str) -> None:
    """Refuse what is no batch of images with so many channels and real or 8-bit pixels.

    Raises:
        UsageError: If the shape or the dtype is another, or integers are outside 0 to 255.
    """
    if image.ndim != 4 or image.shape[1] != in_channels or image.shape[0] == 0:
        raise UsageError(
            f"{who} expects images of shape (N, {in_channels}, H, W) with N >= 1, or "
            f"({in_channels}, H, W); {tuple(image.shape)} arrived"
        )
    if image.dtype == torch.bool or image.is_complex():
        raise UsageError(f"{who} expects real or 8-bit pixels, {image.dtype} arrived")
    if image.is_floating_point():
        require_floating(image, who)
    elif image.dtype != torch.uint8 and not inside_transform():
        low, high = (int(value) for value in torch.aminmax(image.long()))
        if low < 0 or high > 255:
            raise UsageError(
                f"integer images hold pixels from 0 to 255; {low} to {high} arrived. "
                "Scale them to [0, 1] as floating-point numbers"
            )


def _real_pixels(image: Tensor, who: str) -> Tensor:
    """Return finite floating-point pixels; integers are divided by 255.

    Raises:
        UsageError: If a pixel is NaN or infinite.
    """
    if not image.is_floating_point():
        return image.to(torch.get_default_dtype()) / 255
    require_finite(image, who)
    return image
