"""The quanvolution: a circuit slid over an image, like a convolution's kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from circuits import Circuit, FourierSeries, UsageError
from circuits.backends import Backend
from circuits.backends.base import NotFiniteError
from circuits.errors import check_integer, unknown_name
from qkan.layers.checks import (
    Evaluation,
    inside_transform,
    pair,
    require_circuit,
    require_finite,
    require_floating,
    require_tensor,
    uncompiled,
    without_autocast,
)
from qkan.layers.quantum import QuantumLayer
from qkan.layers.series_kernel import SeriesKernel

__all__ = ["Quanvolution2d"]


class Quanvolution2d(nn.Module):
    r"""Slide circuits over an image: each patch of pixels is the input of a circuit.

    The output's channels are the circuits' observables. Like :class:`torch.nn.Conv2d`, but for the stride, which by
    default is the kernel's size, as in the paper: patches do not overlap.

    Pixels are numbers in [0, 1] (a circuit has its own scale); integer images from 0 to 255 are divided by 255. The
    patch is read row by row, with ``channels="joint"`` channel by channel.

    Args:
        circuits: A circuit, or several, each with as many inputs as a patch has pixels.
        kernel_size: Height and width of a patch.
        stride: Step between patches; by default ``kernel_size``, with ``padding="same"`` 1.
        padding: Pixels added on every side; or ``"valid"``, none, or ``"same"``, so many that an output is as large as
            the image.
        dilation: Step between the pixels of a patch.
        padding_mode: What is added: ``"zeros"``, black, or ``"reflect"``, ``"replicate"`` or ``"circular"``.
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
        padding: int | tuple[int, int] | Literal["same", "valid"] = 0,
        dilation: int | tuple[int, int] = 1,
        *,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
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
        for what, value, known in (
            ("treatment of channels", channels, ("separate", "joint")),
            ("padding mode", padding_mode, ("zeros", "reflect", "replicate", "circular")),
            ("padding", padding if isinstance(padding, str) else "same", ("same", "valid")),
        ):
            if value not in known:
                raise unknown_name(what, str(value), known)
        self.kernel_size = pair("kernel_size", kernel_size, least=1)
        self.dilation = pair("dilation", dilation, least=1)
        same = (1, 1) if padding == "same" else self.kernel_size
        self.stride = same if stride is None else pair("stride", stride, least=1)
        if padding == "same" and self.stride != (1, 1):
            raise UsageError(f"padding='same' needs stride=1, as in Conv2d; {self.stride} arrived")
        self.padding = padding if isinstance(padding, str) else pair("padding", padding, least=0)
        self.in_channels = check_integer("in_channels", in_channels)
        self.channels, self.padding_mode = channels, padding_mode
        given: list[Any] = (
            list(weights) if isinstance(weights, list | tuple) else [weights] * len(several)
        )
        if len(given) != len(several):
            raise UsageError(f"{len(several)} circuits need as many weights; {len(given)} arrived")
        pixels = prod(self.kernel_size) * (self.in_channels if channels == "joint" else 1)
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
    def groups(self) -> int:
        """The number of channels with patches of their own: ``in_channels``, or 1 where they are joint."""
        return 1 if self.channels == "joint" else self.in_channels

    @property
    def out_channels(self) -> int:
        """The number of the output's channels."""
        return self.groups * sum(layer.out_features for layer in self.quantum_layers)

    @property
    def quantum_layers(self) -> list[QuantumLayer]:
        """The filters as quantum layers."""
        return [layer for layer in self.filters if isinstance(layer, QuantumLayer)]

    @property
    def backend(self) -> Backend:
        """Where the circuits run; assign another one, or its name, and the weights stay."""
        return self.quantum_layers[0].backend

    @backend.setter
    def backend(self, backend: str | Backend) -> None:
        for layer in self.quantum_layers:
            layer.backend = backend

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return H' and W' for an image of this size, as for a convolution.

        Raises:
            UsageError: If the image is smaller than a patch.
        """
        left, right, top, bottom = self._sides
        reach = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        padded = (height + top + bottom, width + left + right)
        rows, columns = (
            (size - r) // s + 1 for size, r, s in zip(padded, reach, self.stride, strict=True)
        )
        if min(rows, columns) < 1:
            raise UsageError(
                f"an image of {height}x{width} is smaller than a patch: kernel {self.kernel_size}, "
                f"dilation {self.dilation}, padding {self.padding}"
            )
        less = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        if less is not None and (
            max(top, bottom) > height - less or max(left, right) > width - less
        ):
            raise UsageError(
                f"padding {self.padding} in mode {self.padding_mode!r} is more than an image of {height}x{width} has"
            )
        return rows, columns

    @property
    def _sides(self) -> tuple[int, int, int, int]:
        """The pixels that are added left, right, above and below, as for a convolution."""
        if self.padding == "same":
            (h, w) = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))
            return w // 2, w - w // 2, h // 2, h - h // 2
        h, w = (0, 0) if isinstance(self.padding, str) else self.padding
        return w, w, h, h

    @uncompiled
    @without_autocast
    def forward(self, image: Tensor) -> Tensor:
        """Return the feature maps."""
        if isinstance(image, Tensor) and image.ndim == 3:
            return self.forward(image[None])[0]
        rows, columns = self._require_images(image)
        if len(image) == 0:
            return _pixels(image).new_zeros(0, self.out_channels, rows, columns)
        count = len(image) * self.groups * rows * columns
        modes = [
            layer.choose(count, lambda: self.patches(image.detach()).flatten(0, -2))
            for layer in self.quantum_layers
        ]
        gradients = torch.is_grad_enabled() and any(
            t.requires_grad for t in (image, *self.parameters())
        )
        if not gradients and not inside_transform() and set(modes) == {"fourier"}:
            return self.from_series(image, [layer.series() for layer in self.quantum_layers])
        patches = self.patches(image)
        values = []
        for layer, mode in zip(self.quantum_layers, modes, strict=True):
            if mode == "fourier":
                values.append(layer.series(patches)(patches))
            else:
                try:
                    found = layer.direct(patches.flatten(0, -2), distinct=True)
                except NotFiniteError as error:
                    raise self._no_number(patches, error.inputs) from error
                values.append(found.reshape(*patches.shape[:-1], -1))
        return self.as_maps(values)

    def patches(self, image: Tensor) -> Tensor:
        """Return the circuits' inputs, shape ``(N, groups, H', W', inputs)``."""
        self._require_images(image)
        return torch.stack(self._views(image), dim=-1)

    def _views(self, image: Tensor) -> list[Tensor]:
        """Return a strided view (N, groups, H', W') for each input of the circuits."""
        rows, columns = self.out_size(image.shape[-2], image.shape[-1])
        pixels, (sh, sw), (dh, dw) = _pixels(image), self.stride, self.dilation
        if any(self._sides):
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            pixels = pad(pixels, self._sides, mode)
        views = [
            pixels[..., i : i + sh * (rows - 1) + 1 : sh, j : j + sw * (columns - 1) + 1 : sw]
            for i in range(0, dh * self.kernel_size[0], dh)
            for j in range(0, dw * self.kernel_size[1], dw)
        ]
        if self.channels == "separate":
            return views
        return [view[:, c : c + 1] for c in range(self.in_channels) for view in views]

    def as_maps(self, values: Sequence[Tensor]) -> Tensor:
        """Return the feature maps of the circuits' values at the patches, ``(N, groups, H', W', observables)`` each."""
        maps = torch.cat([torch.movedim(each, -1, 2) for each in values], dim=2)
        return maps.flatten(1, 2)

    def _no_number(self, patches: Tensor, inputs: Sequence[float]) -> UsageError:
        """Return the error for the first patch whose pixels are these."""
        same = (patches.detach() == patches.new_tensor(inputs)).all(dim=-1)
        image, group, row, column = same.nonzero()[0].tolist()
        return UsageError(
            f"a circuit gives NaN or infinity for the patch at row {row * self.stride[0]}, column "
            f"{column * self.stride[1]} of image {image}, channel {group}; a state cannot be prepared from a "
            "patch of black pixels, say: add a constant, or encode by angles"
        )

    def from_series(self, image: Tensor, series: Sequence[FourierSeries]) -> Tensor:
        """Return the feature maps of given Fourier series, one a circuit, without gradients.

        Evaluates chunk by chunk, straight into the result; extra memory is bounded.
        """
        size = self._require_images(image)
        maps = _pixels(image[:0]).new_empty(len(image), self.out_channels, *size)
        kernels = [SeriesKernel(each, dtype=maps.dtype, device=image.device) for each in series]
        step = max(1, min(kernel.chunk for kernel in kernels) // (self.groups * size[0] * size[1]))
        for start in range(0, len(image), step):
            views = self._views(image[start : start + step])
            part = maps[start : start + step]
            part = part.view(len(part), self.groups, -1, *size)
            first = 0
            for kernel, layer in zip(kernels, self.quantum_layers, strict=True):
                last = first + layer.out_features
                kernel(views, [part[:, :, o] for o in range(first, last)])
                first = last
        return maps

    def _require_images(self, image: Tensor) -> tuple[int, int]:
        """Refuse what is no batch of images with real or 8-bit pixels; return H' and W'."""
        require_tensor(image, "Quanvolution2d")
        if image.ndim != 4 or image.shape[1] != self.in_channels:
            raise UsageError(
                f"Quanvolution2d expects images of shape (N, {self.in_channels}, H, W) or "
                f"({self.in_channels}, H, W); {tuple(image.shape)} arrived. For images of other channels make it "
                "with in_channels=..."
            )
        if image.dtype == torch.bool or image.is_complex():
            raise UsageError(f"Quanvolution2d expects real or 8-bit pixels, {image.dtype} arrived")
        if image.is_floating_point():
            require_floating(image, "Quanvolution2d")
        elif image.dtype != torch.uint8 and image.numel() and not inside_transform():
            low, high = (int(value) for value in torch.aminmax(image.long()))
            if low < 0 or high > 255:
                raise UsageError(
                    f"integer images hold pixels from 0 to 255; {low} to {high} arrived. "
                    "Scale them to [0, 1] as floating-point numbers"
                )
        return self.out_size(image.shape[-2], image.shape[-1])

    def extra_repr(self) -> str:
        """Describe the geometry."""
        return (
            f"{self.in_channels} {self.channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"padding_mode={self.padding_mode}"
        )


def _pixels(image: Tensor) -> Tensor:
    """Return finite floating-point pixels; integers are divided by 255."""
    if not image.is_floating_point():
        return image.to(torch.get_default_dtype()) / 255
    require_finite(image, "Quanvolution2d")
    return image
