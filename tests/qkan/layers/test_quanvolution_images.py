"""Images of any dtype and layout in memory give the same maps."""

from __future__ import annotations

import pytest
import torch

from circuits import quanvolutional_filter
from qkan import Quanvolution2d
from qkan.data import mnist

EVALUATIONS = ("fourier", "direct", "auto")


def rand(*shape, dtype=torch.float32, requires_grad=False):
    generator = torch.Generator().manual_seed(5)
    return torch.rand(shape, generator=generator, dtype=dtype).requires_grad_(requires_grad)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64, torch.uint16])
def test_integer_pixels_are_divided_by_255(evaluate, dtype):
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate=evaluate)
    pixels = (256 * rand(3, 1, 6, 6)).long()
    pixels[0, 0, 0, :2] = torch.tensor([0, 255])
    found = layer(pixels.to(dtype))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(pixels / 255), rtol=0, atol=2e-6)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_single_precision_agrees(evaluate):
    layer = Quanvolution2d(quanvolutional_filter("strongly-entangling"), evaluate=evaluate)
    image = mnist().train_images[:3].double() / 255
    found = layer(image.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), layer(image), rtol=0, atol=3e-6)


LAYOUTS = {
    "strided": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "transposed": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "channels_last": lambda x: x.to(memory_format=torch.channels_last),
    "shifted": lambda x: torch.cat([torch.zeros(1), x.flatten()])[1:].reshape(x.shape),
    "flipped": lambda x: x.flip(2).contiguous().flip(2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
def test_layout_in_memory_changes_nothing(layout, evaluate):
    layer = Quanvolution2d(quanvolutional_filter("demo"), in_channels=2, evaluate=evaluate)
    image = rand(2, 2, 4, 6)
    assert torch.equal(layer(LAYOUTS[layout](image)), layer(image))


@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
def test_expanded_images(evaluate):
    layer = Quanvolution2d(quanvolutional_filter("demo"), in_channels=3, evaluate=evaluate)
    image = rand(1, 1, 4, 6)
    expanded = image.expand(4, 3, 4, 6)
    torch.testing.assert_close(layer(expanded), layer(expanded.contiguous()), rtol=0, atol=1e-6)
    assert layer(image[0].expand(3, 4, 6)).shape == (12, 2, 3)


def test_without_grad_an_image_that_requires_it_is_filled():
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate="fourier", trainable=True)
    image = rand(2, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        plain = layer(image)
    assert not plain.requires_grad
    torch.testing.assert_close(plain, layer(image).detach(), rtol=0, atol=1e-12)


def test_the_default_dtype_is_that_of_integer_images_only():
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate="fourier")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert layer(torch.zeros(1, 1, 2, 2, dtype=torch.uint8)).dtype == torch.float64
        assert layer(torch.zeros(1, 1, 2, 2, dtype=torch.float32)).dtype == torch.float32
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
def test_vmap_over_images(evaluate):
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate=evaluate)
    for images in (rand(3, 2, 1, 4, 4), (256 * rand(3, 2, 1, 4, 4)).long()):
        expected = torch.stack([layer(image) for image in images])
        torch.testing.assert_close(torch.func.vmap(layer)(images), expected, rtol=0, atol=1e-6)
