"""Settings, the filter and its features, its form in words, and the random cosines."""

import math

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.config import from_toml, to_toml
from qkan.data import mnist
from qkan.experiments.quanvolution_filter import (
    Config,
    Filter,
    Form,
    describe,
    form_of,
    forms_of,
    pixels,
)
from qkan.experiments.random_features import RandomCosines
from qkan.studies.run import Places

RNG = np.random.default_rng(0)


def filter_of(**settings):
    return Filter.of(Config(**settings).settled())


def test_the_defaults_are_the_published_protocol():
    config = Config().settled()
    assert config.is_published_protocol
    assert (config.seeds, config.epochs, config.batch_size) == (30, 60, 4)
    assert (config.train, config.validation) == (50, 30)
    assert Config(seeds=5, circuit="demo-legacy").is_published_protocol
    assert not Config(epochs=59).is_published_protocol
    full = Config(full=True, seeds=2).settled()
    assert (full.seeds, full.train, full.validation) == (2, 55_000, 5_000)
    assert not full.is_published_protocol
    assert from_toml(Config, to_toml(config)) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 1}, "seeds must be an integer of at least 2"),
        ({"epochs": 0}, "epochs must be an integer of at least 1"),
        ({"batch_size": -1}, "batch_size"),
        ({"evaluate": "fourrier"}, "did you mean .fourier."),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Config(**settings)


def test_the_demo_is_three_sinusoids_and_a_product():
    found = forms_of(filter_of().series())
    assert [form.inputs for form in found] == [(0,), (1,), (2,), (1, 3)]
    assert sum(form.terms for form in found) == 7
    assert describe(found) == "three one-pixel sinusoids and one product of two one-pixel sinusoids"


def test_without_entanglement_only_sinusoids_are_left():
    assert (
        describe(forms_of(filter_of(circuit="demo/no-entanglement").series()))
        == "four one-pixel sinusoids"
    )


@pytest.mark.parametrize("degree", [1, 2])
def test_an_outer_product_is_a_product_and_a_sum_of_two_is_not(degree):
    size = 2 * degree + 1
    one, two = (np.einsum("i,j,k->ijk", *RNG.normal(size=(3, size))) for _ in range(2))
    assert form_of(one, [0, 2, 3]) == Form((0, 2, 3), degree, size**3, is_product=True)
    assert not form_of(one + two, [0, 2, 3]).is_product


def test_an_input_with_a_constant_factor_alone_does_not_count():
    table = np.zeros((3, 3))
    table[1, 0] = 0.5
    assert form_of(table, [4, 7]) == Form((4,), 1, 1, is_product=True)


def test_rounding_noise_is_zero():
    assert form_of(1e-16 * RNG.normal(size=(3, 3)), [0, 1]).in_words() == "constant"


def test_the_degree_is_the_highest_frequency_present():
    table = np.zeros(7)
    for index, degree in [(0, 0), (1, 1), (2, 1), (3, 2), (6, 3)]:
        table[index] = 1.0
        assert form_of(table, [0]).degree == degree


@pytest.mark.parametrize(
    ("form", "number", "text"),
    [
        (Form((), 0, 1, True), 2, "two constants"),
        (Form((1,), 2, 3, True), 1, "one one-pixel trigonometric polynomial of degree 2"),
        (Form((1,), 2, 3, True), 2, "two one-pixel trigonometric polynomials of degree 2"),
        (Form((0, 1), 1, 5, False), 1, "one sum of 5 Fourier terms in two pixels"),
        (Form((0, 1), 1, 4, True), 2, "two products of two one-pixel sinusoids"),
    ],
)
def test_words(form, number, text):
    assert describe([form] * number) == text


def test_a_filter_without_a_series_says_why():
    assert "too many terms" in filter_of(circuit="random(wires=9)").sentence(None)


def test_the_check_sums_of_the_features(tmp_path):
    chosen, places = filter_of(), Places(cache_dir=tmp_path)
    data = mnist(train=50, test=30)
    for images, expected in [
        (data.train_images, -4192.717263655683),
        (data.test_images, -2557.634856652846),
    ]:
        features, circuits = chosen.features(chosen.circuit, pixels(images), places)
        assert features.sum().item() == pytest.approx(expected, abs=1e-8)
        assert circuits == chosen.circuit.num_nodes


def test_direct_evaluation_gives_the_same_features_from_distinct_patches(tmp_path):
    images = pixels(mnist(train=3, test=1).train_images)
    exact, direct = (filter_of(evaluate=e) for e in ("fourier", "direct"))
    places = Places(cache_dir=tmp_path)
    expected, _ = exact.features(exact.circuit, images, places)
    features, circuits = direct.features(direct.circuit, images, places)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-12)
    patches = torch.nn.functional.unfold(images, 2, stride=2).movedim(1, 2).reshape(-1, 4)
    assert circuits == len(np.unique(patches.numpy(), axis=0))


def test_with_shots_every_patch_is_sampled_on_its_own(tmp_path):
    chosen = filter_of(evaluate="direct", shots=10, backend="default.qubit")
    places = Places(cache_dir=tmp_path)
    black = torch.zeros(11, 1, 28, 28, dtype=torch.float64)
    features, circuits = chosen.features(chosen.circuit, black, places)
    assert circuits == 11 * 14 * 14
    rows = features.movedim(1, -1).reshape(-1, 4)
    assert len(torch.unique(rows[:1024], dim=0)) > 1
    # The second chunk has the inputs of the first.
    assert not torch.equal(rows[:1024], rows[1024:2048])
    again, _ = chosen.features(chosen.circuit, black, places)
    assert torch.equal(again, features)


@pytest.mark.parametrize("side", [2, 3])
def test_it_equals_a_loop_over_patches(side):
    layer = RandomCosines(5, seed=3, kernel_size=side)
    images = torch.rand(2, 1, 7, 7, dtype=torch.float64)
    maps = layer(images)
    assert maps.shape == (2, 5, 7 // side, 7 // side)
    for n, c, j, k in [(0, 0, 0, 0), (1, 4, 1, 0), (1, 2, 7 // side - 1, 1)]:
        patch = images[n, 0, side * j : side * (j + 1), side * k : side * (k + 1)]
        expected = math.cos((patch * layer.weight[c, 0]).sum() + layer.bias[c])
        assert maps[n, c, j, k].item() == pytest.approx(expected, abs=1e-12)


def test_frequencies_have_the_mean_square_of_the_encoding():
    weight = RandomCosines(20_000, seed=0).weight
    assert weight.square().sum(dim=(1, 2, 3)).mean().item() == pytest.approx(math.pi**2, rel=0.03)


def test_seeds_differ_and_repeat():
    images = torch.rand(1, 1, 4, 4)
    first, again, other = (RandomCosines(4, seed=s)(images) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
