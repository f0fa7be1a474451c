"""What KANs are held against, and networks that see images: MLP, CNN, and a quanvolution in front of any model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from circuits import Circuit, quanvolutional_filter
from circuits.backends import Backend
from circuits.errors import UsageError, check_integer, check_real, unknown_name
from circuits.filters import FILTERS
from circuits.naming import parse_call
from qkan.layers.checks import Evaluation, check_settings, require_tensor
from qkan.layers.quanvolution import Quanvolution2d
from qkan.models.base import Chain, Model, check_sizes
from qkan.models.kan import KAN, QKAN, SineKAN

__all__ = ["CNN", "HEADS", "MLP", "QuanvolutionNet", "linear"]

L = TypeVar("L", nn.Linear, nn.Conv2d)

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLP(Chain):
    r"""Linear layers with an activation function in between; with two widths it is one linear layer.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        sizes: The widths, from the inputs to the outputs.
        activation: What follows every layer but the last: ``"relu"``, ``"silu"`` or ``"tanh"``.
        dropout: The probability of setting a hidden value to zero while training.
        generator: Draws the initial weights, layer by layer, by torch's usual rule.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.

    Raises:
        UsageError: If a setting is out of range.

    Example:
        >>> MLP([784, 64, 10], dropout=0.1)(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
    """

    kind = "mlp"

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes, dropout = check_sizes(sizes), _dropout(dropout)
        check_settings(dtype, generator)
        if activation not in _ACTIVATIONS:
            raise unknown_name("activation", str(activation), _ACTIVATIONS)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layer = linear(before, after, generator=generator, device=device, dtype=dtype)
            layers += [layer, _ACTIVATIONS[activation](), *[nn.Dropout(dropout)] * bool(dropout)]
        super().__init__(*layers[: -2 if dropout else -1])
        self._settings = {"sizes": sizes, "activation": activation, "dropout": dropout}

    def spec(self) -> dict[str, Any]:
        """Return kind and settings."""
        return {"kind": self.kind, **self._settings}


class CNN(Model):
    """Convolutions, each with ReLU and 2x2 maximum pooling, then a dense layer with dropout.

    The defaults are those of the published notebook. The text that describes it leaves open where
    its dropout is; ours is before the last layer.

    Shape:
        - Input: ``(N, C, H, W)`` or ``(C, H, W)``, as ``image`` says.
        - Output: ``(N, classes)`` or ``(classes,)``.

    Args:
        image: Channels, height and width of the images.
        channels: The output channels of the convolutions, one after the other.
        kernel_size: Height and width of their kernels.
        padding: Zeros around the images, on every side.
        hidden: The width of the dense layer.
        dropout: The probability of setting one of its values to zero while training.
        classes: The number of outputs.
        generator: Draws the initial weights, layer by layer, by torch's usual rule.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.

    Raises:
        UsageError: If a setting is out of range, or an image has another shape.

    Example:
        >>> CNN()(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    kind = "cnn"

    def __init__(
        self,
        image: Sequence[int] = (1, 28, 28),
        channels: Sequence[int] = (32, 64),
        kernel_size: int = 2,
        padding: int = 1,
        hidden: int = 128,
        dropout: float = 0.4,
        classes: int = 10,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_settings(dtype, generator)
        self.image = _image(image)
        self._settings = {
            "channels": (channels := _integers("channels", channels)),
            "kernel_size": (kernel_size := check_integer("kernel_size", kernel_size)),
            "padding": (padding := check_integer("padding", padding, 0)),
            "hidden": (hidden := check_integer("hidden", hidden)),
            "dropout": (dropout := _dropout(dropout)),
            "classes": (classes := check_integer("classes", classes)),
        }
        options: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
        layers: list[nn.Module] = []
        before, height, width = self.image
        for after in channels:
            part = nn.Conv2d(
                before, after, kernel_size, padding=padding, device="meta", dtype=dtype
            )
            layers += [_drawn(part, generator, device), nn.ReLU(), nn.MaxPool2d(2)]
            # Each convolution changes the size, and pooling halves it, rounded down.
            height, width = ((n + 2 * padding - kernel_size + 1) // 2 for n in (height, width))
            before = after
        if min(height, width) < 1:
            raise UsageError(
                f"images of {self.image[1]}x{self.image[2]} pixels are too small to be halved "
                f"{len(channels)} times; choose fewer channels or more padding"
            )
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            linear(before * height * width, hidden, **options),
            nn.ReLU(),
            nn.Dropout(dropout),
            linear(hidden, classes, **options),
        )

    def spec(self) -> dict[str, Any]:
        """Return kind and settings."""
        return {"kind": self.kind, "image": list(self.image), **self._settings}

    def forward(self, image: Tensor) -> Tensor:
        """Return one value a class."""
        _require_images(self, image, (3, 4))
        scores: Tensor = self.dense(self.convolutions(image).flatten(-3))
        return scores


HEADS: dict[str, type[Model]] = {kind.kind: kind for kind in (KAN, SineKAN, QKAN, MLP, CNN)}
"""The models that may see the feature maps of a quanvolution."""


class QuanvolutionNet(Model):
    """Quanvolutional filters, and a model that sees their feature maps.

    While the filters are not trained, their maps never change: to train the head alone for many
    epochs, compute them once by :func:`qkan.preprocess`.

    Shape:
        - Input: ``(N, C, H, W)`` as ``image`` says, in [0, 1], or 8-bit.
        - Output: ``(N, classes)``.

    Args:
        filters: The circuits that slide over the image: names, or circuits of your own.
        image: Channels, height and width of the images.
        kernel_size: Height and width of a patch.
        stride: The step between patches; by default the kernel's size.
        padding: Black pixels added on every side.
        channels: Whether the channels of the image are filtered apart, ``"separate"``, or ``"joint"``.
        trainable: Whether the circuits' weights are trained.
        head: What sees the feature maps: ``"linear"``, ``"mlp"`` with 128 hidden units, ``"cnn"``,
            or any other model as :func:`qkan.models.make` takes it, ``{"kind": "kan", "sizes": [784, 10]}``.
        classes: The number of outputs of a head that is given by its name.
        edge: A circuit of your own, for a head with quantum layers.
        backend: Where circuits run.
        evaluate: How the filters are: see :class:`qkan.Quanvolution2d`.
        generator: Draws the initial weights, those of the filters first.
        device: The device of the parameters.
        dtype: The type of the parameters.

    Raises:
        UsageError: If a setting is out of range, or the head takes another number of inputs.

    Example:
        >>> net = QuanvolutionNet(["random(layers=2, seed=1)"], head="cnn")
        >>> net(torch.rand(5, 1, 28, 28)).shape
        torch.Size([5, 10])

    Source: Henderson et al., Quantum Mach. Intell. 2, 2 (2020), arXiv:1904.04767.
    """

    kind = "quanvolution"

    def __init__(
        self,
        filters: str | Circuit | Sequence[str | Circuit] = "demo",
        *,
        image: Sequence[int] = (1, 28, 28),
        kernel_size: int = 2,
        stride: int | None = None,
        padding: int = 0,
        channels: str = "separate",
        trainable: bool = False,
        head: str | Mapping[str, Any] = "linear",
        classes: int = 10,
        edge: str | Circuit | None = None,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_settings(dtype, generator)
        self.image, classes = _image(image), check_integer("classes", classes)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        listed: list[Any] = list(filters) if isinstance(filters, list | tuple) else [filters]
        self.quanvolution = Quanvolution2d(
            [quanvolutional_filter(f) if isinstance(f, str) else f for f in listed],
            kernel_size,
            stride,
            padding,
            in_channels=self.image[0],
            channels=channels,  # type: ignore[arg-type]  # the layer names the choices
            trainable=trainable,
            backend=backend,
            evaluate=evaluate,
            generator=generator,
            device=device,
            dtype=dtype,
        )
        size = self.quanvolution.out_size(*self.image[1:])
        cls, settings = _head(head, [self.quanvolution.out_channels, *size], classes)
        if issubclass(cls, KAN):
            settings |= {"backend": backend} | ({} if edge is None else {"edge": edge})
        self.head = cls(**settings, generator=generator, device=device, dtype=dtype)
        self._settings: dict[str, Any] = {
            "filters": [given if isinstance(given, str) else given.name for given in listed],
            "image": list(self.image),
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "channels": channels,
            "trainable": trainable,
        }

    def spec(self) -> dict[str, Any]:
        """Return kind and settings; the head's are its own."""
        return {"kind": self.kind, **self._settings, "head": self.head.spec()}

    def own_circuits(self) -> dict[str, Any]:
        """Return the filters, if one of them is not the library's, and the edges of the head."""
        filters: list[str | Circuit] = [
            name if parse_call("filter", name)[0] in FILTERS else layer.circuit
            for name, layer in zip(
                self._settings["filters"], self.quanvolution.quantum_layers, strict=True
            )
        ]
        own = any(isinstance(given, Circuit) for given in filters)
        return ({"filters": filters} if own else {}) | self.head.own_circuits()

    def forward(self, image: Tensor) -> Tensor:
        """Return the head's outputs."""
        _require_images(self, image, (4,))
        scores: Tensor = self.head(self.quanvolution(image))
        return scores


def _head(
    head: str | Mapping[str, Any], maps: list[int], classes: int
) -> tuple[type[Model], dict[str, Any]]:
    """Return the class and the settings of the head on feature maps of a shape."""
    features = math.prod(maps)
    usual: dict[Any, dict[str, Any]] = {
        "linear": {"kind": "mlp", "sizes": [features, classes]},
        "mlp": {"kind": "mlp", "sizes": [features, 128, classes]},
        "cnn": {"kind": "cnn", "image": maps, "classes": classes},
    }
    if not isinstance(head, Mapping) and head not in usual:
        raise unknown_name("head:", str(head), usual)
    settings = dict(head if isinstance(head, Mapping) else usual[head])
    kind = settings.pop("kind", None)
    if kind not in HEADS:
        raise unknown_name("kind of head", str(kind), HEADS)
    if kind == "cnn":
        fits, expected = list(settings.setdefault("image", maps)) == maps, f"image={tuple(maps)}"
    else:
        sizes = check_sizes(settings.get("sizes", ()))
        fits, expected = sizes[0] == features, f"sizes that begin with {features}"
    if not fits:
        raise UsageError(f"the feature maps have shape {tuple(maps)}: the head needs {expected}")
    return HEADS[kind], settings


def linear(
    in_features: int, out_features: int, *, generator: torch.Generator | None, **options: Any
) -> nn.Linear:
    r"""Return a dense layer, drawn as torch does: uniformly within :math:`\pm 1 / \sqrt{\text{fan-in}}`.

    Example:
        >>> layer = linear(4, 2, generator=torch.Generator().manual_seed(0))
        >>> bool(layer.weight.abs().max() <= 0.5)
        True
    """
    layer = nn.Linear(in_features, out_features, device="meta", dtype=options.get("dtype"))
    return _drawn(layer, generator, options.get("device"))


@torch.no_grad()
def _drawn(layer: L, generator: torch.Generator | None, device: torch.device | str | None) -> L:
    """Give a layer a place and weights, drawn in float64, so that a seed gives the same layer in any dtype."""
    layer.to_empty(device=device or "cpu")
    if layer.weight.is_meta:
        return layer
    bound = layer.weight[0].numel() ** -0.5
    place = torch.device("cpu") if generator is None else generator.device
    for parameter in layer.parameters():
        draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float64, device=place)
        parameter.copy_(bound * (2 * draw - 1))
    return layer


def _integers(name: str, values: Sequence[int]) -> list[int]:
    if not hasattr(values, "__iter__") or isinstance(values, str) or not len(values):
        raise UsageError(f"{name} must be integers, one or more, got {values!r}")
    return [check_integer(f"{name}[{k}]", value) for k, value in enumerate(values)]


def _image(image: Sequence[int]) -> tuple[int, int, int]:
    numbers = _integers("image", image)
    if len(numbers) != 3:
        raise UsageError(f"image must be 3 values, channels, height and width; got {numbers}")
    return numbers[0], numbers[1], numbers[2]


def _dropout(p: float) -> float:
    if not check_real("dropout", p, least=0) < 1:
        raise UsageError(f"dropout must be at least 0 and below 1, got {p}")
    return float(p)


def _require_images(model: CNN | QuanvolutionNet, image: Tensor, axes: tuple[int, ...]) -> None:
    """Refuse what are no images of the model's shape, in a tensor of so many axes."""
    name = type(model).__name__
    require_tensor(image, name)
    if image.ndim not in axes or tuple(image.shape[-3:]) != model.image:
        shape = ", ".join(map(str, model.image))
        raise UsageError(
            f"{name}: expected images of shape (N, {shape}), got {tuple(image.shape)}; other images need a "
            f"{name}(image=(channels, height, width))"
        )
    if image.dtype not in (model.dtype, *([] if isinstance(model, CNN) else [torch.uint8])):
        raise UsageError(
            f"{name}: expected {model.dtype}, the model's dtype, got {image.dtype}; convert the images or the model "
            "with .to(dtype)"
        )
