import numpy as np
import pytest

from circuits import quanvolutional_filter, series_from_values
from circuits.backends import backend
from qkan.experiments.quanvolution.form import Form, describe, form_of, forms_of

RNG = np.random.default_rng(0)


def forms(name):
    circuit = quanvolutional_filter(name)
    values = backend("default.qubit").run(circuit, circuit.plan.inputs)
    return forms_of(series_from_values(circuit, values))


def test_the_demo_is_three_sinusoids_and_a_product():
    found = forms("demo")
    assert [form.inputs for form in found] == [(0,), (1,), (2,), (1, 3)]
    assert sum(form.terms for form in found) == 7
    assert describe(found) == "three one-pixel sinusoids and one product of two one-pixel sinusoids"


def test_without_entanglement_only_sinusoids_are_left():
    assert describe(forms("demo/no-entanglement")) == "four one-pixel sinusoids"


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
