"""Mistakes are told with what was expected, what arrived and what to do; never a wrong result."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits import CircuitError, UsageError, backend, circuit, quanvolutional_filter
from qkan import QuantumLayer, Quanvolution2d

DEMO = quanvolutional_filter("demo")
NAN, INF = float("nan"), float("inf")
IMAGES = {
    "two axes": (torch.zeros(4, 4), r"\(N, 1, H, W\).*\(4, 4\) arrived"),
    "five axes": (torch.zeros(1, 1, 1, 4, 4), r"\(1, 1, 1, 4, 4\) arrived"),
    "channels": (torch.zeros(2, 3, 4, 4), r"\(N, 1, H, W\).*\(2, 3, 4, 4\) arrived"),
    "channels of one image": (torch.zeros(3, 4, 4), r"\(1, 3, 4, 4\) arrived"),
    "too small": (torch.zeros(1, 1, 1, 4), "1x4 is smaller than a patch"),
    "no pixels": (torch.zeros(1, 1, 0, 0), "0x0 is smaller than a patch"),
    "nan": (torch.full((2, 1, 2, 2), NAN), "8 of 8 inputs are NaN or infinite; clean"),
    "one infinity": (torch.tensor([[[[0.0, -INF], [1, 1]]]]), "1 of 4 inputs are NaN"),
    "negative": (torch.full((1, 1, 2, 2), -1), "from 0 to 255; -1 to -1 arrived. Scale"),
    "too bright": (torch.full((1, 1, 2, 2), 256, dtype=torch.int32), "256 to 256 arrived"),
    "wide": (torch.full((1, 1, 2, 2), 999).to(torch.uint16), "999 to 999 arrived"),
    "bool": (torch.zeros(1, 1, 2, 2, dtype=torch.bool), "torch.bool arrived"),
    "complex": (torch.zeros(1, 1, 2, 2, dtype=torch.complex64), "torch.complex64 arrived"),
    "half": (torch.zeros(1, 1, 2, 2, dtype=torch.float16), r"float16 arrived; use x.float\(\)"),
    "numpy": (np.zeros((1, 1, 2, 2)), "ndarray arrived; use torch.as_tensor"),
    "list": ([[[[0.0, 0.0], [0.0, 0.0]]]], "list arrived; use torch.as_tensor"),
}


@pytest.mark.parametrize("evaluate", ["fourier", "direct", "auto"])
@pytest.mark.parametrize("name", IMAGES)
def test_images(name, evaluate):
    image, message = IMAGES[name]
    layer = Quanvolution2d(DEMO, evaluate=evaluate)
    with pytest.raises(UsageError, match=message):
        layer(image)
    with pytest.raises(UsageError, match=message):
        layer.requires_grad_()(image)


@pytest.mark.parametrize("evaluate", ["fourier", "direct", "auto"])
def test_a_late_nan_in_a_batch_is_found(evaluate):
    images = torch.zeros(2000, 1, 8, 8)
    images[-1, 0, -1, -1] = NAN
    with pytest.raises(UsageError, match="are NaN or infinite"):
        Quanvolution2d(DEMO, evaluate=evaluate)(images)


INPUTS = {
    "a scalar": (torch.tensor(1.0), r"\(..., 4\), \(\) arrived"),
    "another length": (torch.zeros(5, 3), r"\(..., 4\), \(5, 3\) arrived"),
    "integers": (torch.zeros(5, 4, dtype=torch.int64), r"torch.int64 arrived; use x.float\(\)"),
    "half": (torch.zeros(5, 4, dtype=torch.bfloat16), "bfloat16 arrived"),
    "nan": (torch.tensor([[0.0, NAN, INF, 1.0]]), "2 of 4 inputs are NaN or infinite"),
    "numpy": (np.zeros((5, 4)), "ndarray arrived"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name):
    inputs, message = INPUTS[name]
    with pytest.raises(UsageError, match=message):
        QuantumLayer(DEMO)(inputs)


LAYER = {
    "backend name": ({"backend": "default.qbit"}, "did you mean 'default.qubit'"),
    "backend": ({"backend": 3}, "by name, got int"),
    "no such device": ({"backend": "foo.bar"}, "unknown backend 'foo.bar'.*Known: .*auto"),
    "evaluation": ({"evaluate": "furier"}, "did you mean 'fourier'.*auto, direct, fourier"),
    "no evaluation": ({"evaluate": None}, "unknown evaluation"),
    "weight's name": ({"weights": {"angle": np.zeros(4)}}, r"unknown: \['angle'\]"),
    "weight's shape": ({"weights": {"angles": [1.0, 2.0]}}, r"shape \(4,\).*\(2,\) arrived"),
    "weight's value": ({"weights": {"angles": [NAN] * 4}}, "holds NaN or infinity"),
    "weights": ({"weights": 5}, "a mapping by name, int arrived"),
    "integer weights": ({"dtype": torch.int64}, "float32 or float64, dtype=torch.int64"),
    "half weights": ({"dtype": torch.float16}, "float32 or float64, dtype=torch.float16"),
}


@pytest.mark.parametrize("name", LAYER)
@pytest.mark.parametrize("kind", [QuantumLayer, Quanvolution2d])
def test_arguments_of_both_layers(kind, name):
    options, message = LAYER[name]
    with pytest.raises(UsageError, match=message):
        kind(DEMO, **options)


GEOMETRY = {
    "kernel does not fit": ({"kernel_size": 3}, "3x3 pixels.* is 9 inputs.*takes 4; change"),
    "joint": ({"in_channels": 2, "channels": "joint"}, "2 joint channel.* is 8 inputs"),
    "kernel of zero": ({"kernel_size": 0}, "kernel_size must be an integer of at least 1.*got 0"),
    "kernel of three": ({"kernel_size": (2, 2, 2)}, "or two of them, got \\(2, 2, 2\\)"),
    "half a pixel": ({"kernel_size": (2, 2.0)}, "kernel_size must be an integer"),
    "stride": ({"stride": 0}, "stride must be an integer of at least 1.*got 0"),
    "padding": ({"padding": -1}, "padding must be an integer of at least 0.*got -1"),
    "padding by name": ({"padding": "sane"}, "padding"),
    "dilation": ({"dilation": (1, 0)}, "dilation must be an integer of at least 1.*got 0"),
    "no channels": ({"in_channels": 0}, "in_channels must be an integer of at least 1.*got 0"),
    "two numbers of channels": ({"in_channels": (1, 2)}, "in_channels must be an integer"),
    "channels": ({"channels": "join"}, "did you mean 'joint'.*Known: joint, separate"),
    "weights of two": ({"weights": [{}, {}]}, "1 circuits need as many weights; 2 arrived"),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry(name):
    options, message = GEOMETRY[name]
    with pytest.raises(UsageError, match=message):
        Quanvolution2d(DEMO, **options)


@pytest.mark.parametrize("wrong", [None, "demo", 5, lambda inputs: None])
def test_what_is_no_circuit(wrong):
    for make in (QuantumLayer, Quanvolution2d, lambda c: Quanvolution2d([DEMO, c])):
        with pytest.raises(
            UsageError, match=r"expected a circuits.Circuit.*arrived; take a filter"
        ):
            make(wrong)


def test_no_circuits():
    with pytest.raises(UsageError, match="at least one circuit; an empty list arrived"):
        Quanvolution2d([])


@pytest.mark.parametrize("shots", [0, -3, 1.5, True])
def test_shots(shots):
    with pytest.raises(UsageError, match="shots must be an integer of at least 1"):
        Quanvolution2d(DEMO, backend=backend("default.qubit", shots=shots))


@pytest.mark.parametrize("noise", ["depolarising:0.1", "depolarizing:2", "depolarizing"])
def test_noise(noise):
    with pytest.raises(UsageError, match="depolarizing"):
        QuantumLayer(DEMO, backend(noise=noise))


def test_a_series_of_a_circuit_that_has_none():
    @circuit(wires=4, inputs=4, direct_only=True)
    def strange(inputs):
        DEMO.function(inputs, np.zeros(4))

    for kind in (QuantumLayer, Quanvolution2d):
        with pytest.raises(CircuitError, match=r"no Fourier series.*evaluate='direct'"):
            kind(strange, evaluate="fourier")
