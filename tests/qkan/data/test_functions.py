import numpy as np
import pytest
from scipy.special import jv

from circuits.errors import UsageError
from qkan.data.functions import FEYNMAN, FUNCTIONS, function


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_finite_and_not_constant_on_their_ranges(name):
    target = function(name)
    x, y = target.sample(2000, np.random.default_rng(0))
    assert x.shape == (2000, target.num_inputs)
    assert np.isfinite(y).all()
    assert y.std() > 0.05
    corners = np.array(np.meshgrid(*target.ranges.values())).reshape(target.num_inputs, -1).T
    assert np.isfinite(target(corners)).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_variable_matters(name):
    target, rng = function(name), np.random.default_rng(1)
    low, high = np.array(list(target.ranges.values())).T
    x = rng.uniform(low, high, (50, target.num_inputs))
    for k in range(target.num_inputs):
        moved = x.copy()
        moved[:, k] = rng.uniform(low[k], high[k], 50)
        assert np.abs(target(moved) - target(x)).max() > 0.01


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_formula_is_the_function(name):
    """The text, read by a calculator, gives the same values as the code."""
    target = function(name)
    low, high = np.array(list(target.ranges.values())).T
    x = np.random.default_rng(2).uniform(low, high, (5, target.num_inputs))
    words = {"pi": np.pi, "exp": np.exp, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos}
    words |= {"arcsin": np.arcsin, "J0": lambda z: jv(0, z)}
    words |= dict(zip(target.ranges, x.T, strict=True))
    text = target.formula
    for wave in ("sin", "cos"):  # sin^2(...) means (sin(...))^2
        words[f"{wave}2"] = lambda z, f=words[wave]: f(z) ** 2
        text = text.replace(f"{wave}^2(", f"{wave}2(")
    text = text.replace("^", "**")
    factors = ["sqrt", "sin2", "cos2", "sin", "cos", "(", "x", "s**", "b", "t", "a", "pi"]
    for word in factors:  # a space between two factors is a product
        for before in ")0123456789abnkpi":
            text = text.replace(f"{before} {word}", f"{before}*{word}")
    np.testing.assert_allclose(eval(text, {"__builtins__": {}}, words), target(x), rtol=1e-12)


def test_samples_are_scaled_to_the_unit_box():
    x, y = function("exp-sin").sample(500, np.random.default_rng(0))
    np.testing.assert_allclose(y, function("exp-sin")(x))  # its ranges are the unit box
    x, y = function("sinc20").sample(500, np.random.default_rng(0))
    np.testing.assert_allclose(y, function("sinc20")((x + 1) / 2))


def test_there_are_ten_of_feynman():
    assert len(FEYNMAN) == 10
    assert set(FEYNMAN) < set(FUNCTIONS)


def test_mistakes():
    with pytest.raises(UsageError, match="did you mean 'sinc20'"):
        function("sinc2")
    with pytest.raises(UsageError, match=r"takes points \(..., 2\), got shape \(3,\)"):
        function("exp-sin")(np.zeros(3))
