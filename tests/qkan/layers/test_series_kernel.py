"""Products, and both forms of the kernel against the generic evaluation of ``circuits.fourier``, on random series."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import FourierSeries, fourier
from circuits.nodes import plan_nodes
from qkan.layers import series_kernel
from qkan.layers.series_kernel import SeriesKernel, factorize

CONES = {
    "one input": [{0: 3}],
    "two degrees": [{0: 1, 1: 2}],
    "blocks that overlap": [{0: 1}, {1: 2, 2: 1}, {0: 2, 2: 1}],
    "outputs out of order": [{2: 1}, {0: 1, 1: 1}, {2: 1}, {}],
    "a degree of zero": [{0: 0, 1: 3}, {2: 1}],
    "four inputs": [{0: 1, 1: 1, 2: 1, 3: 1}, {1: 1, 3: 1}],
    "constants only": [{}, {}],
}
KINDS = ("dense", "rank one", "rank two", "sparse", "constant", "zero")
FORMS = ("products", "planes", None)


def coefficients(shape, kind, rng):
    def rank_one():
        table = rng.normal(size=shape[0])
        for size in shape[1:]:
            table = np.multiply.outer(table, rng.normal(size=size))
        return table

    table = np.zeros(shape)
    if kind == "dense":
        table = rng.normal(size=shape)
    elif kind == "sparse":
        table = rng.normal(size=shape) * (rng.random(shape) < 0.2)
    elif kind == "constant":
        table[(slice(None), *[0] * (len(shape) - 1))] = rng.normal(size=shape[0])
    elif kind.startswith("rank"):
        table = rank_one() + (rank_one() if kind == "rank two" else 0)
    return torch.from_numpy(table)


def random_series(cones, kind, rng):
    inputs = 1 + max((k for cone in cones for k in cone), default=0)
    scales = tuple(rng.uniform(0.3, 3.0, inputs).tolist())
    plan = plan_nodes(cones, scales)
    blocks = tuple(
        coefficients((len(block.outputs), *[2 * d + 1 for d in block.degrees]), kind, rng)
        for block in plan.blocks
    )
    return FourierSeries(plan, blocks, scales)


def reference(made, points):
    """Evaluate block by block with ``circuits.fourier.evaluate``."""
    out = torch.empty(made.num_outputs, points.shape[1], dtype=torch.float64)
    for block, table in zip(made.plan.blocks, made.coefficients, strict=True):
        seen = points[list(block.inputs)]
        values = fourier.evaluate(table, seen, [made.scales[k] for k in block.inputs])
        out[list(block.outputs)] = values
    return out


def run(made, points, form=None, dtype=torch.float64):
    kernel = SeriesKernel(made, dtype=dtype, device=points.device, form=form)
    out = torch.full((made.num_outputs, *points.shape[1:]), torch.nan, dtype=dtype)
    kernel(list(points), list(out))
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cones", CONES.values(), ids=CONES)
def test_kernels_are_the_generic_evaluation(cones, kind):
    rng = np.random.default_rng(1)
    made = random_series(cones, kind, rng)
    points = torch.from_numpy(rng.uniform(-4, 4, (len(made.scales), 37)))
    expected = reference(made, points)
    for form in FORMS:
        torch.testing.assert_close(run(made, points, form), expected, rtol=1e-12, atol=1e-12)
        single = run(made, points.float(), form, torch.float32)
        torch.testing.assert_close(single.double(), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("form", FORMS)
def test_points_and_results_of_any_shape_and_stride(form):
    rng = np.random.default_rng(2)
    made = random_series([{0: 2, 1: 1}, {1: 1}], "dense", rng)
    image = torch.from_numpy(rng.uniform(-1, 1, (3, 2, 8, 6)))
    points = [image[:, :, ::2, ::3], image[:, :, 1::2, 2::3]]
    maps = torch.empty(3, 2, 2, 4, 2, dtype=torch.float64)
    kernel = SeriesKernel(made, dtype=torch.float64, device=image.device, form=form)
    kernel(points, [maps[:, :, 0], maps[:, :, 1]])
    expected = reference(made, torch.stack([p.flatten() for p in points]))
    torch.testing.assert_close(maps.movedim(2, 0).reshape(2, -1), expected)


@pytest.mark.parametrize("form", FORMS)
def test_buffers_that_are_used_again_leave_nothing_behind(form):
    rng = np.random.default_rng(3)
    made = random_series(CONES["blocks that overlap"], "rank two", rng)
    kernel = SeriesKernel(made, dtype=torch.float64, device=torch.device("cpu"), form=form)
    for count in (50, 7, 0, 1, 120):
        points = torch.from_numpy(rng.uniform(-4, 4, (3, count)))
        out = torch.full((3, count), torch.nan, dtype=torch.float64)
        kernel(list(points), list(out))
        torch.testing.assert_close(out, reference(made, points), rtol=1e-12, atol=1e-12)


def test_the_cheaper_form_is_taken():
    rng = np.random.default_rng(4)

    def forms(kind):
        made = random_series(CONES["four inputs"], kind, rng)
        kernel = SeriesKernel(made, dtype=torch.float32, device=torch.device("cpu"))
        return [isinstance(form, series_kernel._Products) for form in kernel._forms]

    assert forms("rank one") == [True]
    assert forms("dense") == [False]


@pytest.mark.parametrize("budget", [1, 3000, 2**23])
def test_chunks_meet_without_a_seam(monkeypatch, budget):
    from circuits import quanvolutional_filter
    from qkan import Quanvolution2d

    image = torch.from_numpy(np.random.default_rng(5).random((11, 2, 5, 6)))
    made = [quanvolutional_filter("demo"), quanvolutional_filter("strongly-entangling")]
    layer = Quanvolution2d(made, 2, 1, 1, in_channels=2, evaluate="fourier")
    expected = layer.requires_grad_()(image)
    monkeypatch.setattr(series_kernel, "_SCRATCH_BYTES", budget)
    found = layer.requires_grad_(False)(image)
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-12)


def test_the_chunk_keeps_to_its_memory():
    made = random_series(CONES["four inputs"], "rank one", np.random.default_rng(6))
    kernel = SeriesKernel(made, dtype=torch.float32, device=torch.device("cpu"))
    points = torch.rand(4, kernel.chunk)
    kernel(list(points), list(torch.empty(2, kernel.chunk)))
    buffers = kernel._scratch._buffers.values()
    assert sum(b.numel() * b.element_size() for b in buffers) <= 1.5 * series_kernel._SCRATCH_BYTES


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
