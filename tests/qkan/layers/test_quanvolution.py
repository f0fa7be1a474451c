"""The quanvolution: published check sums, parity with a hand-written PennyLane loop, images of any kind."""

from __future__ import annotations

import itertools

import numpy as np
import pennylane as qml
import pytest
import torch

from circuits import circuit, quanvolutional_filter
from qkan import Quanvolution2d
from qkan.data import mnist

EVALUATIONS = ("fourier", "direct", "auto")
THETA = np.array([0.3, -1.1, 2.0])


def rand(*shape, dtype=torch.float32, requires_grad=False):
    generator = torch.Generator().manual_seed(5)
    return torch.rand(shape, generator=generator, dtype=dtype).requires_grad_(requires_grad)


def gates(inputs, theta, num_wires):
    for wire in range(num_wires):
        qml.RX((wire + 1) * inputs[..., wire], wires=wire)
    qml.RY(theta[0], wires=0)
    if num_wires > 1:
        qml.CNOT([0, 1])
        qml.Rot(theta[0], theta[1], theta[2], wires=1)


def filters(num_wires):
    """Two circuits with different numbers of observables, as gates and as circuits."""
    last = num_wires - 1
    several = [
        (qml.Z(0), qml.Y(last), qml.X(0) @ qml.Z(last) if last else qml.X(0)),
        (qml.Y(0), qml.Z(num_wires // 2)),
    ]
    angles = [THETA, THETA[::-1].copy()]

    def make(index):
        def function(inputs, theta):
            gates(inputs, theta, num_wires)

        return circuit(
            wires=num_wires,
            inputs=num_wires,
            weights={"theta": 3},
            observables=several[index],
            defaults={"theta": angles[index]},
        )(function)

    return several, angles, [make(0), make(1)]


def loop(image, observables, angles, *, kernel, stride, padding, dilation, joint):
    """Slide with plain index arithmetic, and run one circuit a patch."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel, stride, padding, dilation
    image = np.pad(image, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    images, channels, height, width = image.shape
    groups = [range(channels)] if joint else [[c] for c in range(channels)]
    wires = kh * kw * len(groups[0])

    @qml.qnode(qml.device("default.qubit", wires=wires))
    def node(x, theta, outputs):
        gates(x, theta, wires)
        return [qml.expval(o) for o in outputs]

    tops = range(0, height - dh * (kh - 1), sh)
    lefts = range(0, width - dw * (kw - 1), sw)
    result = np.empty((images, len(groups) * sum(map(len, observables)), len(tops), len(lefts)))
    for n, (r, top), (c, left) in itertools.product(
        range(images), enumerate(tops), enumerate(lefts)
    ):
        values = []
        for group, (outputs, theta) in itertools.product(
            groups, zip(observables, angles, strict=True)
        ):
            patch = [
                image[n, channel, top + i * dh, left + j * dw]
                for channel in group
                for i in range(kh)
                for j in range(kw)
            ]
            values.extend(node(np.array(patch), theta, outputs))
        result[n, :, r, c] = values
    return result


def embedded(count, which="train"):
    return getattr(mnist(), f"{which}_images")[:count].double() / 255


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_check_sums_of_the_published_data(evaluate):
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate=evaluate)
    assert layer(embedded(50)).sum().item() == pytest.approx(-4192.717263655683, abs=1e-8)
    assert layer(embedded(30, "test")).sum().item() == pytest.approx(-2557.634856652846, abs=1e-8)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_closed_form_of_the_demo_filter(evaluate):
    p0 = 3.448296944257913
    image = embedded(2)
    x0, x1 = image[:, 0, ::2, ::2], image[:, 0, ::2, 1::2]
    x2, x3 = image[:, 0, 1::2, ::2], image[:, 0, 1::2, 1::2]
    pi = torch.pi
    z1 = torch.cos(pi * x1 + p0)
    z2 = 0.16745669927347184 * torch.sin(pi * x2) + 0.4253798201272212 * torch.cos(pi * x2)
    expected = torch.stack([torch.cos(pi * x0), z1, z2, z1 * torch.cos(pi * x3)], dim=1)
    found = Quanvolution2d(quanvolutional_filter("demo"), evaluate=evaluate)(image)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


GEOMETRIES = [
    # kernel, stride, padding, dilation, channels, joint, height, width
    ((2, 2), None, 0, 1, 1, False, 6, 5),
    ((1, 1), None, 0, 1, 1, False, 2, 3),
    ((1, 1), 2, 1, 1, 2, False, 3, 2),
    ((1, 1), None, 0, 1, 3, True, 2, 3),
    ((2, 1), (1, 2), (0, 1), 1, 1, False, 4, 3),
    ((1, 3), (2, 1), (1, 0), (1, 2), 1, False, 3, 6),
    ((2, 2), 1, 1, 2, 1, False, 3, 3),
    ((2, 2), 3, 0, 1, 2, False, 5, 5),
    ((1, 2), 1, 0, (1, 2), 2, True, 2, 4),
    ((3, 3), (2, 3), 1, 1, 1, False, 4, 4),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "channels", "joint", "height", "width"), GEOMETRIES
)
def test_parity_with_a_pennylane_loop(
    kernel, stride, padding, dilation, channels, joint, height, width
):
    wires = kernel[0] * kernel[1] * (channels if joint else 1)
    observables, angles, made = filters(wires)
    image = rand(1, channels, height, width, dtype=torch.float64) * 2 - 0.5
    expected = loop(
        image.numpy(),
        observables,
        angles,
        kernel=kernel,
        stride=twice(kernel if stride is None else stride),
        padding=twice(padding),
        dilation=twice(dilation),
        joint=joint,
    )
    for evaluate in EVALUATIONS:
        layer = Quanvolution2d(
            made,
            kernel,
            stride,
            padding,
            dilation,
            in_channels=channels,
            channels="joint" if joint else "separate",
            evaluate=evaluate,
        )
        assert layer.out_channels == expected.shape[1]
        assert layer.out_size(height, width) == expected.shape[2:]
        # Frozen, the kernels fill the result; for gradients the generic series does.
        for frozen in (True, False):
            found = layer.requires_grad_(not frozen)(image)
            np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(layer(image[0]), layer(image)[0])


def twice(value):
    return value if isinstance(value, tuple) else (value, value)


def test_sizes_are_those_of_a_convolution():
    (made,) = filters(6)[2][:1]
    layer = Quanvolution2d(made, (2, 3), (3, 2), (1, 2), (2, 1))
    convolution = torch.nn.Conv2d(1, 1, (2, 3), (3, 2), (1, 2), (2, 1))
    for height, width in [(5, 7), (6, 8), (28, 28)]:
        expected = convolution(torch.zeros(1, 1, height, width)).shape[2:]
        assert layer.out_size(height, width) == expected


def test_patches_are_the_rows_that_are_evaluated():
    (made,) = filters(4)[2][:1]
    image = rand(2, 3, 5, 6, dtype=torch.float64)
    layer = Quanvolution2d(made, 2, 1, 1, in_channels=3, evaluate="direct")
    patches = layer.patches(image)
    assert patches.shape == (2, 3, 6, 7, 4)
    expected = torch.nn.functional.unfold(image, 2, padding=1).reshape(2, 3, 4, 6, 7)
    torch.testing.assert_close(patches, expected.movedim(2, -1))
    rows = layer.quantum_layers[0](patches).movedim(-1, 2).flatten(1, 2)
    torch.testing.assert_close(layer(image), rows, rtol=0, atol=1e-12)


def test_gradients_of_both_evaluations_agree():
    image = rand(2, 2, 4, 4, dtype=torch.float64)
    gradients = []
    for evaluate in ("direct", "fourier"):
        layer = Quanvolution2d(
            filters(4)[2], 2, 2, 1, in_channels=2, trainable=True, evaluate=evaluate
        )
        x = image.clone().requires_grad_()
        maps = layer(x)
        factors = torch.arange(maps.numel(), dtype=torch.float64).reshape(maps.shape).cos()
        gradients.append(torch.autograd.grad((maps * factors).sum(), [x, *layer.parameters()]))
    for direct, fourier in zip(*gradients, strict=True):
        torch.testing.assert_close(direct, fourier, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_trainable_filters_train():
    image = rand(4, 1, 4, 4)
    made = quanvolutional_filter("demo")
    target = Quanvolution2d(made, evaluate="fourier")(image)
    start = {"angles": np.asarray(made.defaults["angles"]) + 0.3}
    layer = Quanvolution2d(made, trainable=True, weights=start)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(image), target)
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_frozen_by_default_and_state_dict_is_strict():
    made = filters(4)[2]
    layer = Quanvolution2d(made)
    assert not any(p.requires_grad for p in layer.parameters())
    other = Quanvolution2d(made, weights={"theta": [0.0, 0.0, 0.0]})
    image = rand(1, 1, 4, 4, dtype=torch.float64)
    assert not torch.allclose(other(image), layer(image))
    assert str(other.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(other(image), layer(image))
    assert sorted(layer.state_dict()) == [f"filters.{i}.torch_layer.theta" for i in (0, 1)]
