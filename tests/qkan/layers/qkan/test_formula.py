"""Formulas of rows: what is shared, what is left out, and that every way of running them agrees."""

import pytest
import torch

from qkan.layers.qkan.formula import ONE, Formula
from qkan.layers.qkan.row_program import RowProgram

X, Y, Z = ({row: 1.0} for row in (1, 2, 3))


def test_what_differs_by_a_factor_is_one_row():
    formula = Formula(2)
    product = formula.sum_of_products([(2.0, X, Y), (1.0, X, X)])
    again = formula.sum_of_products([(-3.0, X, X), (-6.0, Y, X)])
    (row,) = product
    assert again == {row: -3 * product[row]}
    assert formula.num_terms == 2


def test_what_is_zero_or_linear_is_not_computed():
    formula = Formula(2)
    assert formula.sum_of_products([(1.0, X, Y), (-1.0, Y, X)]) == {}
    assert formula.sum_of_products([(2.0, X, {ONE: 3.0}), (1.0, {}, Y)]) == {1: 6.0}
    assert formula.num_terms == 0


@pytest.fixture
def program():
    """(2 - xy, 3x, 0, (x + 2y)(z + 1) - (2 - xy)^2); row 4 of the inputs reaches no output."""
    formula = Formula(4)
    first = formula.sum_of_products([(2.0, {ONE: 1.0}, {ONE: 1.0}), (-1.0, X, Y)])
    formula.output(first)
    formula.output({1: 3.0})
    formula.output({})
    last = [(1.0, {1: 1.0, 2: 2.0}, {3: 1.0, ONE: 1.0}), (-1.0, first, first)]
    formula.output(formula.sum_of_products(last))
    return RowProgram(formula)


def written(x, y, z, _):
    first = 2 - x * y
    return torch.stack([first, 3 * x, 0 * x, (x + 2 * y) * (z + 1) - first.square()])


@pytest.mark.parametrize("few", [0, 100])
def test_run_and_gradient(program, few, monkeypatch):
    monkeypatch.setattr("qkan.layers.qkan.row_program._FEW", few)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    wanted = written(*rows)
    probe = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(wanted, rows, probe)
    torch.testing.assert_close(program.plain(rows), wanted, rtol=0, atol=1e-14)
    with torch.no_grad():
        found = torch.empty_like(wanted)
        made = program.run(rows, found)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-14)
        torch.testing.assert_close(
            program.gradient(rows, made, probe), gradient, rtol=0, atol=1e-14
        )
