"""Full-MNIST quanvolution against a copy of its arrays, and against the ways to compute it circuit by circuit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from circuits import quanvolutional_filter
from circuits.backends import backend
from qkan.benchmarks.harness import Case, Report, Row, measure
from qkan.layers.quanvolution import Quanvolution2d

__all__ = ["run"]

_MNIST = 70_000
_LOOP_IMAGES = 1
_BATCH = 64


def run(*, images: int = _MNIST, repetitions: int = 7) -> Report:
    """Measure the quanvolution of ``images`` images of 28 x 28 float32 pixels with the demo filter.

    What runs circuit by circuit is timed on fewer images and multiplied up; the case's name says so. Pixels are random
    and uniform, which is harder than MNIST for what profits from equal patches; that case alone uses three quarters
    black patches, MNIST's share.

    Args:
        images: The number of images, 70,000 for all of MNIST.
        repetitions: Turns of each case.
    """
    torch.manual_seed(0)
    pixels = torch.rand(images, 1, 28, 28)
    source, target = torch.rand(images, 4, 14, 14), torch.empty(images, 4, 14, 14)
    demo = quanvolutional_filter("demo")
    dense = quanvolutional_filter("strongly-entangling", layers=2)
    copy = "copy of the output"
    cases = [
        Case(copy, lambda: target.copy_(source)),
        Case(
            "demo filter, Fourier (products)",
            _evaluate(Quanvolution2d(demo, evaluate="fourier"), pixels),
            against=copy,
            floor=copy,
            target=16,
        ),
        Case(
            "any 4-wire filter, all 81 terms (planes)",
            _evaluate(Quanvolution2d(dense, evaluate="fourier"), pixels),
            against=copy,
            floor=copy,
            target=55,
        ),
    ]
    report = measure("quanvolution", cases, repetitions=repetitions)
    circuitwise = measure("circuit by circuit", _circuitwise(pixels), repetitions=1, warmup=1)
    steps = measure("training step", _training(), repetitions=max(repetitions, 21))
    copy_ms = report.rows[0].cpu_ms
    scaled = [_scale(row, images, copy_ms) for row in circuitwise.rows]
    return replace(
        report,
        rows=(*report.rows, *scaled, *steps.rows),
        cases=(*report.cases, *(replace(c, against=copy) for c in _renamed(circuitwise, scaled)), *steps.cases),
    )
