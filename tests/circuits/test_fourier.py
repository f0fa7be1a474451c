from itertools import product

import numpy as np
import pytest
import torch

from circuits import fourier

SPACES = [
    ((1,), (1.0,)),
    ((3,), (np.pi,)),
    ((0, 2), (1.0, 0.5)),
    ((1, 2, 1), (np.pi, 1.0, 2.0)),
    ((1, 1, 1, 1), (np.pi,) * 4),
    ((), ()),
]


def slow_twin(coeffs, x, scales):
    """The definition, term by term."""
    result = np.zeros((coeffs.shape[0], x.shape[1]))
    for index in product(*(range(size) for size in coeffs.shape[1:])):
        term = np.ones(x.shape[1])
        for k, j in enumerate(index):
            phase = (j + 1) // 2 * scales[k] * x[k]
            term = term * (np.cos(phase) if j % 2 or j == 0 else np.sin(phase))
        result += coeffs[(slice(None), *index)][:, None] * term
    return result


def random_polynomial(degrees, outputs=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(outputs, *(2 * d + 1 for d in degrees)))


@pytest.mark.parametrize(("degrees", "scales"), SPACES)
def test_values_are_those_of_the_definition(degrees, scales):
    coeffs = random_polynomial(degrees)
    x = np.random.default_rng(1).uniform(-9, 9, (len(degrees), 11))
    np.testing.assert_allclose(
        fourier.evaluate(coeffs, x, scales), slow_twin(coeffs, x, scales), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("degrees", "scales"), SPACES)
def test_values_on_the_nodes_fix_the_coefficients(degrees, scales):
    coeffs = random_polynomial(degrees)
    values = slow_twin(coeffs, fourier.nodes(degrees, scales).T, scales)
    np.testing.assert_allclose(fourier.coefficients(values.T, degrees), coeffs, rtol=0, atol=1e-13)


def test_coefficients_keep_leading_axes():
    values = np.random.default_rng(0).normal(size=(5, 2, 15, 3))
    together = fourier.coefficients(values, (1, 2))
    assert together.shape == (5, 2, 3, 3, 5)
    np.testing.assert_allclose(together[4, 1], fourier.coefficients(values[4, 1], (1, 2)))


@pytest.mark.parametrize(("degrees", "scales"), SPACES)
def test_parseval(degrees, scales):
    coeffs = random_polynomial(degrees)
    values = slow_twin(coeffs, fourier.nodes(degrees, scales).T, scales)
    norms = np.ones(coeffs.shape[1:])  # the mean square of every basis function
    for axis, degree in enumerate(degrees):
        shape = [1] * len(degrees)
        shape[axis] = -1
        norms = norms * np.array([1.0, *(0.5,) * (2 * degree)]).reshape(shape)
    power = (coeffs**2 * norms).reshape(3, -1).sum(axis=1)
    np.testing.assert_allclose(power, (values**2).mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_derivative_is_the_limit_of_differences(axis):
    degrees, scales = (1, 2, 1), (np.pi, 1.0, 0.5)
    coeffs = random_polynomial(degrees)
    x = np.random.default_rng(2).uniform(-4, 4, (3, 9))
    step = np.zeros((3, 1))
    step[axis] = 1e-5
    up, down = (fourier.evaluate(coeffs, x + s * step, scales) for s in (1, -1))
    exact = fourier.evaluate(fourier.differentiate(coeffs, axis, scales[axis]), x, scales)
    np.testing.assert_allclose(exact, (up - down) / 2e-5, rtol=0, atol=1e-7)


@pytest.mark.slow
def test_torch_agrees_with_numpy_and_backpropagates():
    coeffs, scales = random_polynomial((1, 2)), (np.pi, 0.5)
    x = np.random.default_rng(3).uniform(-3, 3, (2, 6))
    c, t = (torch.tensor(a, requires_grad=True) for a in (coeffs, x))
    np.testing.assert_allclose(
        fourier.evaluate(c, t, scales).detach(), fourier.evaluate(coeffs, x, scales), atol=1e-14
    )
    assert torch.autograd.gradcheck(lambda a, b: fourier.evaluate(a, b, scales), (c, t))
    assert torch.autograd.gradgradcheck(lambda b: fourier.evaluate(c.detach(), b, scales), t)
    values = torch.randn(15, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: fourier.coefficients(v, (1, 2)), values)
    exact = fourier.evaluate(fourier.differentiate(c, 1, 0.5), t, scales)
    (gradient,) = torch.autograd.grad(fourier.evaluate(c, t, scales).sum(), t)
    torch.testing.assert_close(exact.sum(0), gradient[1])


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_float32_stays_float32(library):
    convert = np.asarray if library == "numpy" else torch.tensor
    coeffs = random_polynomial((1, 1, 1, 1)) / 81
    x = np.random.default_rng(4).uniform(0, 1, (4, 50))
    single = [convert(a.astype(np.float32)) for a in (coeffs, x)]
    result = fourier.evaluate(*single, (np.pi,) * 4)
    assert str(result.dtype).endswith("float32")
    assert np.abs(np.asarray(result) - fourier.evaluate(coeffs, x, (np.pi,) * 4)).max() < 2e-6


def test_chunks_change_nothing(monkeypatch):
    coeffs = random_polynomial((1, 1, 2))
    x = np.random.default_rng(5).uniform(-3, 3, (3, 40))
    whole = fourier.evaluate(coeffs, x, (1.0, 2.0, 3.0))
    monkeypatch.setattr(fourier, "_CHUNK_BYTES", 1000)
    np.testing.assert_array_equal(fourier.evaluate(coeffs, x, (1.0, 2.0, 3.0)), whole)


def test_no_points_and_no_inputs():
    assert fourier.evaluate(random_polynomial((1, 1)), np.zeros((2, 0)), (1.0, 1.0)).shape == (3, 0)
    assert fourier.nodes((), ()).shape == (1, 0)
    assert fourier.evaluate(np.array([2.0, 3.0]), np.zeros((0, 4)), ()).tolist() == [
        [2.0] * 4,
        [3.0] * 4,
    ]


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_far_from_zero_single_precision_keeps_its_digits(size):
    x = torch.linspace(-size, size, 50)
    exact = fourier.basis(x.double(), 5, np.pi)
    np.testing.assert_allclose(fourier.basis(x, 5, np.pi), exact, rtol=0, atol=3e-6)
