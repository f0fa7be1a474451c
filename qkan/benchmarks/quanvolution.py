"""The quanvolution of all of MNIST, beside a copy of its arrays and the ways that run circuit by circuit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pennylane as qml
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits import Circuit, quanvolutional_filter
from circuits.backends import backend
from circuits.filters.demo import DEMO_ANGLES
from qkan.benchmarks.harness import Case, Report, measure
from qkan.layers.quanvolution import Quanvolution2d

__all__ = ["run"]

_MNIST = 70_000
_BATCH = 64
_BROADCAST_IMAGES = 100
_BLACK = 0.744
"""The share of MNIST's 2 x 2 patches that are all black."""


def run(*, images: int = _MNIST, repetitions: int = 7) -> Report:
    """Measure the demo filter and a dense one on ``images`` images of 28 x 28 float32 pixels.

    Pixels are random, and as many patches black as in MNIST. What runs circuit by circuit is timed on fewer images and
    multiplied up; the case's name says so.

    Args:
        images: The number of images; 70,000 is all of MNIST.
        repetitions: Turns of each case.
    """
    generator = torch.Generator().manual_seed(0)
    pixels = _pixels(images, generator)
    demo = quanvolutional_filter("demo")
    return measure(
        "quanvolution",
        [
            *_evaluations(pixels, demo),
            *_circuits(pixels, demo),
            *_steps(pixels[:_BATCH].clone(), generator),
        ],
        repetitions=repetitions,
    )


def _evaluations(pixels: Tensor, demo: Circuit) -> list[Case]:
    source = torch.ones(len(pixels), 4, 14, 14)
    target = torch.empty_like(source)
    dense = quanvolutional_filter("strongly-entangling", layers=2)

    def case(name: str, circuit: Circuit, bound: float) -> Case:
        layer = Quanvolution2d(circuit, evaluate="fourier")
        return Case(name, lambda: layer(pixels), against="copy", floor="copy", target=bound)

    return [
        Case("copy", lambda: target.copy_(source)),
        case("demo filter, products", demo, 16),
        case("4 wires, all 81 terms, planes", dense, 55),
    ]


def _circuits(pixels: Tensor, demo: Circuit) -> list[Case]:
    """The slow ways, each on the part of the images that keeps it short."""
    part = pixels[:_BROADCAST_IMAGES]
    direct = Quanvolution2d(demo, evaluate="direct", backend="default.qubit")
    patches = direct.patches(part).reshape(-1, 4).double().numpy()
    device = backend("default.qubit")
    loop = direct.patches(pixels[:1]).reshape(-1, 4).double().numpy()

    # As the demonstration has it: a QNode with default options and PennyLane's random template.
    @qml.qnode(qml.device("default.qubit", wires=4))  # type: ignore[untyped-decorator]
    def circuit(patch: NDArray[np.float64]) -> list[object]:
        for wire in range(4):
            qml.RY(np.pi * patch[wire], wires=wire)
        qml.RandomLayers(np.array([DEMO_ANGLES]), wires=range(4))
        return [qml.expval(qml.Z(wire)) for wire in range(4)]

    def each_patch() -> list[object]:
        return [circuit(patch) for patch in loop]

    share = len(pixels) / len(part)
    return [
        Case(
            f"distinct patches, broadcast (from {len(part)} images)",
            lambda: direct(part),
            against="copy",
            times=share,
        ),
        Case(
            f"every patch, broadcast (from {len(part)} images)",
            lambda: device.run(demo, patches),
            against="copy",
            times=share,
        ),
        Case("demo loop (from 1 image)", each_patch, against="copy", times=float(len(pixels))),
    ]


def _steps(pixels: Tensor, generator: torch.Generator) -> list[Case]:
    """Forward and backward, to weights and pixels, of a batch; the floor runs the nodes alone."""
    convolution = nn.Conv2d(1, 4, 2, 2)
    filters = Quanvolution2d(
        quanvolutional_filter("strongly-entangling"),
        trainable=True,
        evaluate="fourier",
        dtype=torch.float32,
        generator=generator,
    )
    (layer,) = filters.quantum_layers

    def step(module: nn.Module) -> Callable[[], object]:
        def run() -> None:
            images = pixels.requires_grad_()
            module.zero_grad()
            images.grad = None
            torch.autograd.backward(module(images).sum())

        return run

    def nodes() -> None:
        layer.zero_grad()
        torch.autograd.backward(layer.node_values().sum())

    against = f"Conv2d step, batch {_BATCH}"
    return [
        Case(against, step(convolution)),
        Case("81 nodes, forward and backward", nodes, against=against),
        Case(
            f"trainable filter step, batch {_BATCH}",
            step(filters),
            against=against,
            floor="81 nodes, forward and backward",
        ),
    ]


def _pixels(images: int, generator: torch.Generator) -> Tensor:
    pixels = torch.rand(images, 1, 28, 28, generator=generator)
    lit = torch.rand(images, 1, 14, 14, generator=generator) > _BLACK
    return pixels.mul_(lit.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
