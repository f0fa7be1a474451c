"""A quanvolution in front of any other model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from circuits import Circuit, quanvolutional_filter
from circuits.backends import Backend
from circuits.errors import UsageError
from qkan.config import check
from qkan.layers.quantum import Evaluation
from qkan.layers.quanvolution import Quanvolution2d
from qkan.models.base import Model, settled
from qkan.models.cnn import CNN, CNNConfig
from qkan.models.hybrid_kan import HybridKAN, HybridKANConfig
from qkan.models.kan import KAN, KANConfig
from qkan.models.mlp import MLP, MLPConfig
from qkan.models.qkan import QKAN, QKANConfig
from qkan.models.sine_kan import SineKAN, SineKANConfig

__all__ = ["QuanvolutionNet", "QuanvolutionNetConfig"]

Head = MLPConfig | CNNConfig | KANConfig | SineKANConfig | QKANConfig | HybridKANConfig

_HEADS: dict[type[Head], type[Model]] = {
    MLPConfig: MLP,
    CNNConfig: CNN,
    KANConfig: KAN,
    SineKANConfig: SineKAN,
    QKANConfig: QKAN,
    HybridKANConfig: HybridKAN,
}


@dataclass(frozen=True)
class QuanvolutionNetConfig:
    """What a :class:`QuanvolutionNet` is made from.

    Attributes:
        image: Channels, height and width of the images.
        filters: The names of the circuits that slide over the image.
        kernel_size: Height and width of a patch.
        stride: The step between patches; by default the kernel's size.
        padding: Black pixels added on every side.
        channels: Whether the channels of the image are filtered apart or together.
        trainable: Whether the circuits' weights are trained.
        head: What sees the feature maps: ``"linear"``, ``"mlp"`` with 128 hidden units, ``"cnn"``,
            or the configuration of any other model.
        classes: The number of outputs of a head that is given by its name.
    """

    kind: ClassVar[str] = "quanvolution"

    image: tuple[int, int, int] = (1, 28, 28)
    filters: tuple[str, ...] = ("demo",)
    kernel_size: int = 2
    stride: int | None = None
    padding: int = 0
    channels: Literal["separate", "joint"] = "separate"
    trainable: bool = False
    head: (
        Literal["linear", "mlp", "cnn"]
        | MLPConfig
        | CNNConfig
        | KANConfig
        | SineKANConfig
        | QKANConfig
        | HybridKANConfig
    ) = "linear"
    classes: int = 10

    def __post_init__(self) -> None:
        check(self)
        if min(*self.image, self.classes) < 1:
            raise UsageError(f"image and classes must be at least 1, got {self}")

    def head_for(self, maps: tuple[int, int, int]) -> Head:
        """Return the configuration of the head on feature maps of a shape.

        Raises:
            UsageError: If the head takes another number of inputs.
        """
        features = math.prod(maps)
        match self.head:
            case "linear":
                return MLPConfig((features, self.classes))
            case "mlp":
                return MLPConfig((features, 128, self.classes))
            case "cnn":
                return CNNConfig(image=maps, classes=self.classes)
            case CNNConfig() as head:
                fits, expected = head.image == maps, f"image={maps}"
            case head:
                fits, expected = head.sizes[0] == features, f"sizes that begin with {features}"
        if not fits:
            raise UsageError(f"the feature maps have shape {maps}: the head needs {expected}")
        return head


class QuanvolutionNet(Model):
    """Quanvolutional filters, and a model that sees their feature maps.

    While the filters are not trained, their maps never change: to train the head alone for many
    epochs, compute them once by :func:`qkan.preprocess`.

    Shape:
        - Input: ``(N, C, H, W)`` as ``image`` says, in [0, 1], or 8-bit.
        - Output: ``(N, classes)``.

    Args:
        config: The configuration.
        filters: Circuits of your own, in place of the configuration's.
        edge: A circuit of your own, for a head that is a QKAN.
        backend: Where circuits run.
        evaluate: How the filters are: see :class:`qkan.Quanvolution2d`.
        generator: Draws the initial weights, those of the filters first.
        device: The device of the parameters.
        dtype: The type of the parameters.
        settings: Settings of :class:`QuanvolutionNetConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> net = QuanvolutionNet(filters=["random(layers=2, seed=1)"], head="cnn")
        >>> net(torch.rand(5, 1, 28, 28)).shape
        torch.Size([5, 10])

    Source: Henderson et al., Quantum Mach. Intell. 2, 2 (2020), arXiv:1904.04767.
    """

    Config = QuanvolutionNetConfig
    config: QuanvolutionNetConfig

    def __init__(
        self,
        config: QuanvolutionNetConfig | None = None,
        filters: str | Circuit | Sequence[str | Circuit] | None = None,
        *,
        edge: Circuit | None = None,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        config = settled(QuanvolutionNetConfig, config or QuanvolutionNetConfig(), settings)
        if filters is None:
            filters = config.filters
        listed = [filters] if isinstance(filters, str | Circuit) else list(filters)
        circuits = [quanvolutional_filter(f) if isinstance(f, str) else f for f in listed]
        names = (given if isinstance(given, str) else given.name for given in listed)
        self.config = config = replace(config, filters=tuple(names))
        dtype = torch.get_default_dtype() if dtype is None else dtype
        self.quanvolution = Quanvolution2d(
            circuits,
            config.kernel_size,
            config.stride,
            config.padding,
            in_channels=config.image[0],
            channels=config.channels,
            trainable=config.trainable,
            backend=backend,
            evaluate=evaluate,
            generator=generator,
            device=device,
            dtype=dtype,
        )
        size = self.quanvolution.out_size(*config.image[1:])
        head = config.head_for((self.quanvolution.out_channels, *size))
        options: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
        if isinstance(head, QKANConfig | HybridKANConfig):
            options |= {"edge": edge, "backend": backend}
        self.head: Model = _HEADS[type(head)](head, **options)

    def forward(self, image: Tensor) -> Tensor:
        """Return the head's outputs."""
        if image.shape[1:] != self.config.image:
            raise UsageError(
                f"QuanvolutionNet: expected images of shape "
                f"(N, {', '.join(map(str, self.config.image))}), got {tuple(image.shape)}"
            )
        maps = self.quanvolution(image)
        scores: Tensor = self.head(maps)
        return scores
