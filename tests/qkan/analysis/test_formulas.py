import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.analysis import FORMS, fit_formula, fit_formulas

GRID = np.linspace(0.1, 2.1, 81)
RNG = np.random.default_rng(0)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_what_was_given_is_recovered(form):
    # From tiny to huge, form by form: nothing depends on the unit of the curve.
    factor, offset = [(2.0, -0.3), (-1e-7, 1e-6), (1e5, 0.0)][FORMS.index(form) % 3]
    shift = -0.7 if form.name == "abs" else 0.7  # its kink must be in sight
    a, b = (-1.3 if form.free[0] else 1.0), (shift if form.free[1] else 0.0)
    y = factor * form(a * GRID + b) + offset
    fit = fit_formula(GRID, y)
    assert fit.form is form
    assert fit.good
    assert fit.max_error < 1e-9 * np.abs(y).max()
    np.testing.assert_allclose(fit(GRID), y, atol=1e-9 * np.abs(y).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("y", "formula"),
    [
        (3 * GRID - 1, "3 x - 1"),
        (0 * GRID + 0.25, "0.25"),
        (2 * np.sin(3 * GRID + 0.5) - 0.3, "2 sin(3 x + 0.5) - 0.3"),
        (-np.sin(3 * GRID), "sin(3 x - 3.142)"),
        (1e-9 * np.sin(3 * GRID), "1e-09 sin(3 x)"),
        (1e-9 * np.sin(3 * GRID) + 1, "1e-09 sin(3 x) + 1"),
        (np.sin(3 * GRID) + 1e9 + 0.5, "sin(3 x) + 1000000000.5"),
        (1e-300 * GRID**2, "1e-300 x^2"),
        (1e200 * np.tanh(GRID), "1e+200 tanh(x)"),
        (1 / GRID, "1/x"),
        (5 * (GRID - 0.5) ** 3 + 2, "5 (x - 0.5)^3 + 2"),
        (0.7 * np.log(2 * GRID + 2), "0.7 log(x + 1) + 0.4852"),
    ],
)
def test_formulas_read_as_one_would_write_them(y, formula):
    assert fit_formula(GRID, y).formula.replace("sin(3 x + 3.142)", "sin(3 x - 3.142)") == formula


@pytest.mark.slow
def test_a_formula_means_what_it_says():
    """Evaluated as text, the formula gives the curve to the digits that it shows."""
    names = {"exp": np.exp, "sin": np.sin, "tanh": np.tanh, "x": GRID}
    for y in (3 * np.exp(-1.5 * GRID) + 1, 2 * np.sin(3 * GRID + 0.5)):
        text = fit_formula(GRID, y).formula
        code = text.replace(" exp", "*exp").replace(" sin", "*sin").replace(" x", "*x")
        np.testing.assert_allclose(eval(code, names), y, atol=2e-3)


@pytest.mark.slow
def test_a_bad_fit_is_called_bad():
    y = np.sin(GRID) + np.sin(11 * GRID) * np.exp(-GRID)
    fit = fit_formula(GRID, y)
    assert not fit.good
    assert fit.r2 < 0.99
    assert "NOT a description" in str(fit)
    residual = fit(GRID) - y
    assert fit.max_error == pytest.approx(np.abs(residual).max())
    assert fit.rmse == pytest.approx(np.sqrt(np.mean(residual**2)))
    assert fit.r2 == pytest.approx(1 - np.mean(residual**2) / y.var())


@pytest.mark.slow
@pytest.mark.parametrize(
    "y",
    [RNG.normal(size=81), *RNG.normal(size=(4, 6)), np.sign(GRID - 1), np.eye(81)[40]],
    ids=["noise", *(f"six points {k}" for k in range(4)), "a step", "a point"],
)
def test_what_happens_between_points_or_by_chance_is_no_formula(y):
    assert not fit_formula(GRID[: len(y)], y).good


@pytest.mark.slow
def test_few_points_are_no_wave_between_them():
    x = np.linspace(0, 1, 7)
    fit = fit_formula(x, np.sin(2 * x))
    assert fit.formula == "sin(2 x)"
    np.testing.assert_allclose(fit(GRID / 2.1), np.sin(2 * GRID / 2.1), atol=1e-6)


@pytest.mark.slow
def test_noise_does_not_hide_a_formula():
    fit = fit_formula(GRID, np.sin(3 * GRID) + 0.01 * RNG.normal(size=len(GRID)))
    assert fit.form.name == "sin"
    assert fit.rmse == pytest.approx(0.01, rel=0.3)


@pytest.mark.slow
def test_the_simpler_form_is_preferred_where_both_do():
    x = np.linspace(-1e-7, 1e-7, 50)
    assert fit_formula(x, np.sin(x)).form.name == "linear"
    assert fit_formula(x, np.exp(x)).form.name == "linear"


@pytest.mark.slow
def test_points_far_from_zero():
    x = np.linspace(1000, 1001, 60)
    assert fit_formula(x, np.exp(2 * (x - 1000))).max_error < 1e-8
    assert fit_formula(x, np.sin(5 * x)).max_error < 1e-8


def test_forms_where_they_are_not_defined():
    x = np.linspace(-1, 1, 41)
    for fit in fit_formulas(x, np.tanh(x)):
        assert np.isfinite(fit(x)).all()
        assert np.isfinite(fit.rmse)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (GRID, GRID[:-1], "same length"),
        (GRID[:4], GRID[:4], "5 or more"),
        (GRID, GRID * np.nan, "NaN"),
        (0 * GRID, GRID, "no curve"),
        (GRID, 1j * GRID, "complex"),
        (["a"] * 81, GRID, "two rows of numbers"),
    ],
)
def test_mistakes(x, y, message):
    with pytest.raises(UsageError, match=message):
        fit_formula(x, y)


def test_an_empty_library():
    with pytest.raises(UsageError, match="one form or more"):
        fit_formula(GRID, GRID, [])
