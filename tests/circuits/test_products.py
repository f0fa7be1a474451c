import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import fourier
from circuits.products import factorize


def rebuild(products, shape):
    table = np.zeros(shape)
    for part in products:
        term = np.full((1,) * len(shape), part.amplitude)
        for factor in part.factors:
            sizes = [1] * len(shape)
            sizes[factor.axis] = -1
            vector = np.array(factor.coefficients).reshape(sizes)
            term = term * vector
        whole = np.zeros(shape)
        constant = tuple(
            slice(None) if size > 1 else slice(0, 1) for size in term.shape
        )  # a missing factor is the constant 1
        whole[constant] = term
        table += whole
    return table


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([1, 3, 5]), max_size=3), st.integers(0, 2**31))
def test_the_products_add_up_to_the_table(shape, seed):
    table = np.random.default_rng(seed).normal(size=shape)
    np.testing.assert_allclose(rebuild(factorize(table), tuple(shape)), table, rtol=0, atol=1e-12)


def test_a_product_of_series_stays_one_product():
    f, g, h = np.random.default_rng(0).normal(size=(3, 5))
    products = factorize(np.einsum("i,j,k->ijk", f, g, h))
    assert [len(part.factors) for part in products] == [3]


def test_a_constant_and_nothing():
    (constant,) = factorize(np.array(3.0))
    assert (constant.amplitude, constant.factors) == (3.0, ())
    assert factorize(np.zeros((3, 3))) == []


def test_waves_are_the_series_of_one_input():
    (part,) = factorize(np.array([0.5, 1.0, -2.0, 0.0, 3.0]))
    constant, waves = part.factors[0].waves(scale=2.0)
    x = np.linspace(-3, 3, 20)
    total = part.amplitude * (constant + sum(a * np.sin(w * x + p) for a, w, p in waves))
    coeffs = np.array([[0.5, 1.0, -2.0, 0.0, 3.0]])
    assert total == pytest.approx(fourier.evaluate(coeffs, x[None], [2.0])[0], abs=1e-13)


def test_dense_tables_are_given_up_early() -> None:
    table = np.random.default_rng(0).normal(size=(3,) * 9)
    assert factorize(table, most=64) is None
    small = table[0, 0, 0, 0, 0, 0]
    assert len(factorize(small, most=9) or []) == len(factorize(small) or []) == 9
