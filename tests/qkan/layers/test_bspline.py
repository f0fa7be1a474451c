"""B-spline layers: SciPy is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline, make_interp_spline

from circuits.errors import UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.testing import KANLayerContract, TracedLayerContract

UNEVEN = [-1.0, -0.7, 0.1, 0.5, 1.0]
EXTRAPOLATIONS = ["linear", "clamp", "zero", "periodic", "error"]
DOUBLE = {"dtype": torch.float64}


def seeded(*arguments, seed=0, **options):
    return BSplineKANLayer(*arguments, generator=torch.Generator().manual_seed(seed), **options)


class TestUniform(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return BSplineKANLayer(3, 2, **options)


class TestOwnKnots(KANLayerContract):
    def make(self, **options):
        grid = UNEVEN if "domain" not in options else 5
        return BSplineKANLayer(3, 2, **{"grid": grid, **options})

    def variance_options(self):
        return {"grid": UNEVEN}


class TestClamp(KANLayerContract):
    def make(self, **options):
        return BSplineKANLayer(3, 2, extrapolation="clamp", **options)


class TestUnevenAndPeriodic(KANLayerContract):
    def make(self, **options):
        grid = UNEVEN if "domain" not in options else 5
        return BSplineKANLayer(
            3, 2, **{"grid": grid, "degree": 2, "extrapolation": "periodic", **options}
        )


class TestPeriodic(KANLayerContract):
    def make(self, **options):
        return BSplineKANLayer(3, 2, extrapolation="periodic", **options)


class TestQuadraticAndZeroOutside(KANLayerContract):
    smooth = False

    def make(self, **options):
        return BSplineKANLayer(3, 2, degree=2, extrapolation="zero", **{"base": None, **options})


# A periodic spline needs more cells than its degree; the uneven grid has four.
SPLINES = [
    pytest.param(grid, degree, extrapolation, id=f"{name}-{degree}-{extrapolation}")
    for name, grid, cells in [("uniform", 5, 5), ("uneven", UNEVEN, 4)]
    for degree in [0, 1, 2, 3, 8]
    for extrapolation in EXTRAPOLATIONS
    if extrapolation != "periodic" or degree < cells
]


@pytest.mark.parametrize(("grid", "degree", "extrapolation"), SPLINES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 5e-7)])
def test_every_edge_agrees_with_scipy(grid, degree, extrapolation, dtype, tolerance):
    layer = seeded(3, 4, grid, degree, base=None, extrapolation=extrapolation, dtype=dtype)
    with torch.no_grad():
        layer.coefficients().uniform_(-1, 1, generator=torch.Generator().manual_seed(2))
    x = torch.linspace(-1, 1, 401, dtype=dtype)
    if degree == 0:  # steps: rounding decides on the knots themselves
        knots = layer.knots()[0]
        x = x[(x.double().unsqueeze(-1) - knots).abs().amin(1) > 1e-6]
    edges = layer.edge_functions(x.unsqueeze(-1).expand(-1, 3)).detach().double().numpy()
    for (i, o), spline in np.ndenumerate(layer.to_scipy()):
        expected = spline(x.double().numpy())
        np.testing.assert_allclose(edges[:, i, o], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("grid", [5, UNEVEN], ids=["uniform", "uneven"])
@pytest.mark.parametrize("extrapolation", ["linear", "clamp", "zero", "periodic"])
def test_outside_the_domain(grid, extrapolation):
    layer = seeded(1, 1, grid, base=None, extrapolation=extrapolation, **DOUBLE)
    spline = layer.to_scipy()[0, 0]
    beyond = np.array([0.01, 0.3, 2.5, 17.0])
    for end, x in ((-1.0, -1 - beyond), (1.0, 1 + beyond)):
        expected = {
            "linear": spline(end) + spline(end, 1) * (x - end),
            "clamp": np.full_like(x, spline(end)),
            "zero": np.zeros_like(x),
            "periodic": spline(x),
        }[extrapolation]
        y = layer(torch.from_numpy(x).unsqueeze(-1)).detach().numpy()[:, 0]
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_error_refuses_what_lies_outside_and_nan():
    layer = seeded(2, 1, extrapolation="error")
    layer(torch.tensor([[-1.0, 1.0]]))
    with pytest.raises(
        UsageError, match=r"1 of 4 inputs lie outside the domain, the first is 1\.5"
    ):
        layer(torch.tensor([[0.0, 1.5], [0.0, 0.0]]))
    with pytest.raises(UsageError, match="the first is nan"):
        layer(torch.tensor([[0.0, torch.nan]]))


@pytest.mark.parametrize("extrapolation", ["linear", "clamp", "periodic"])
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_the_bases_sum_to_one_everywhere(extrapolation, degree):
    layer = seeded(1, 1, 6, degree, extrapolation=extrapolation, **DOUBLE)
    basis = layer.basis(torch.linspace(-3, 3, 101, **DOUBLE).unsqueeze(-1))
    torch.testing.assert_close(basis.sum(-1), torch.ones(101, 1, **DOUBLE))


def test_the_closed_form_agrees_with_the_recursion():
    even = np.linspace(-1, 1, 8).tolist()
    x = torch.linspace(-1.5, 1.5, 301, **DOUBLE).unsqueeze(-1)
    for extrapolation in ("linear", "clamp", "zero", "periodic"):
        for degree in range(5):
            fast = seeded(1, 1, 7, degree, extrapolation=extrapolation, **DOUBLE).basis(x)
            slow = seeded(1, 1, even, degree, extrapolation=extrapolation, **DOUBLE).basis(x)
            if degree:
                torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
            else:
                assert float((fast != slow).double().mean()) < 0.02  # the steps' own points


def test_each_input_may_have_knots_of_its_own():
    layer = seeded(2, 1, [[-1.0, 0.0, 0.5], [2.0, 3.0, 7.0]], base=None, **DOUBLE)
    for i, x in enumerate((torch.linspace(-1, 0.5, 50), torch.linspace(2, 7, 50))):
        points = torch.zeros(50, 2, **DOUBLE)
        points[:, i] = x
        expected = layer.to_scipy()[i, 0](points[:, i].numpy())
        edges = layer.edge_functions(points).detach().numpy()
        np.testing.assert_allclose(edges[:, i, 0], expected, atol=1e-13)
    assert layer.domain == (-1.0, 7.0)


class TestExchange:
    @pytest.mark.parametrize("grid", [5, UNEVEN], ids=["uniform", "uneven"])
    @pytest.mark.parametrize("extrapolation", ["linear", "periodic"])
    def test_there_and_back(self, grid, extrapolation):
        layer = seeded(2, 3, grid, base=None, extrapolation=extrapolation, **DOUBLE)
        back = BSplineKANLayer.from_scipy(layer.to_scipy(), extrapolation=extrapolation, **DOUBLE)
        assert back.uniform == layer.uniform
        assert torch.equal(back.coefficients(), layer.coefficients())
        torch.testing.assert_close(back.breakpoints, layer.breakpoints, rtol=0, atol=1e-15)

    def test_clamped_splines_of_scipy_come_in_exactly(self):
        x = np.linspace(0, 2, 30)
        splines = [
            [make_interp_spline(x, np.sin(k * x)), make_interp_spline(x, x**k)] for k in (1, 2)
        ]
        layer = BSplineKANLayer.from_scipy(splines, **DOUBLE)
        points = np.linspace(0, 2, 333)
        edges = (
            layer.edge_functions(torch.from_numpy(points).unsqueeze(-1).expand(-1, 2))
            .detach()
            .numpy()
        )
        for i, o in np.ndindex(2, 2):
            np.testing.assert_allclose(edges[:, i, o], splines[i][o](points), rtol=0, atol=1e-12)

    def test_pruned_edges_are_zero_there_too(self):
        layer = seeded(2, 1, base=None, **DOUBLE)
        layer.prune_edges(torch.tensor([[False], [True]]))
        first, second = layer.to_scipy()[:, 0]
        assert not first.c.any()
        assert second.c.all()

    def test_only_periodic_splines_become_periodic_layers(self):
        x = np.linspace(0, 2 * np.pi, 12)
        wave = make_interp_spline(x, np.cos(x).round(12), bc_type="periodic")
        layer = BSplineKANLayer.from_scipy([[wave]], extrapolation="periodic", **DOUBLE)
        points = np.linspace(-9, 9, 50)
        y = layer(torch.from_numpy(points).unsqueeze(1)).detach().numpy()[:, 0]
        np.testing.assert_allclose(y, wave(points % (2 * np.pi)), atol=1e-9)
        line = make_interp_spline(x, x)
        with pytest.raises(UsageError, match="not periodic"):
            BSplineKANLayer.from_scipy([[line]], extrapolation="periodic", **DOUBLE)

    def test_options_are_passed_on(self):
        layer = BSplineKANLayer.from_scipy(seeded(1, 1).to_scipy(), base="silu", bias=True)
        assert layer.base_weight.item() == layer.bias.item() == 0.0

    @pytest.mark.parametrize(
        ("splines", "message"),
        [
            ([], "shape"),
            ([[1.0]], "must be a scipy.interpolate.BSpline"),
            ([[BSpline(range(8), range(4), 3), BSpline(range(6), range(3), 2)]], "same degree"),
            (
                [[BSpline(np.arange(8.0), range(4), 3), BSpline(np.arange(8.0) * 2, range(4), 3)]],
                "share their knots",
            ),
            ([[BSpline([0, 1, 2, 3, 3, 4, 5, 6, 7], range(5), 3)]], "repeated knots"),
        ],
    )
    def test_what_does_not_fit_is_named(self, splines, message):
        with pytest.raises(UsageError, match=message):
            BSplineKANLayer.from_scipy(splines)


class TestRefine:
    @pytest.mark.parametrize("grid", [5, UNEVEN], ids=["uniform", "uneven"])
    @pytest.mark.parametrize("extrapolation", ["linear", "periodic"])
    def test_a_multiple_keeps_the_functions_exactly(self, grid, extrapolation):
        layer = seeded(2, 3, grid, extrapolation=extrapolation, **DOUBLE)
        x = 3 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0), **DOUBLE) - 1.5
        before, cells = layer(x), layer.cells
        assert layer.refine(3 * cells) is layer
        assert layer.cells == 3 * cells
        assert layer.coefficients().shape[1] == layer.num_basis > 3 * cells - 1
        torch.testing.assert_close(layer(x), before, rtol=0, atol=1e-10)

    @pytest.mark.parametrize("grid", [[-1, -0.9, 1.0], [-1, 0, 1e-3, 5.0], np.geomspace(1, 50, 4)])
    @pytest.mark.parametrize("times", [2, 3, 7])
    @pytest.mark.parametrize("degree", [1, 3, 5])
    def test_cells_of_any_size_are_divided_exactly(self, grid, times, degree):
        layer = seeded(1, 2, grid, degree, base=None, **DOUBLE)
        x = torch.linspace(*layer.domain, 300, **DOUBLE).unsqueeze(1)
        before = layer(x)
        gap = (layer.refine(times * layer.cells)(x) - before).abs().max()
        assert gap.item() < 1e-9 * before.abs().max().item()

    def test_any_other_number_stays_close_or_is_refused(self):
        x = np.linspace(-1, 1, 8)
        layer = BSplineKANLayer.from_scipy([[make_interp_spline(x, np.sin(2 * x))]], **DOUBLE)
        points = torch.linspace(-1, 1, 100, **DOUBLE).unsqueeze(-1)
        before = layer(points)
        after = layer.refine(13)(points)
        assert ((after - before).norm() / before.norm()).item() < 1e-3
        rough = seeded(2, 3, **DOUBLE)
        state = {name: value.clone() for name, value in rough.state_dict().items()}
        for grid in (3, 7):
            with pytest.raises(UsageError, match=r"would change by up to .*take a multiple of 5"):
                rough.refine(grid)
        assert all(torch.equal(value, state[name]) for name, value in rough.state_dict().items())
        assert rough.refine(7, tolerance=1.0).cells == 7

    def test_an_optimiser_keeps_the_parameter_and_says_that_its_shape_is_another(self):
        layer = seeded(2, 1)
        optimizer = torch.optim.Adam(layer.parameters())
        layer(torch.rand(5, 2)).sum().backward()
        optimizer.step()
        layer.refine(10)(torch.rand(5, 2)).sum().backward()
        with pytest.raises(RuntimeError, match="size"):
            optimizer.step()

    @pytest.mark.parametrize("grid", [0, True, 10.0, "10", 10**9])
    def test_what_is_no_number_of_cells_is_refused(self, grid):
        with pytest.raises(UsageError, match=r"at least 1|cells"):
            seeded(1, 1).refine(grid)


DATA = {
    "normal": lambda g: torch.randn(1000, 2, generator=g),
    "few": lambda g: torch.randn(7, 2, generator=g),
    "small": lambda g: 0.1 * torch.randn(300, 2, generator=g),
    "far": lambda g: 6 + torch.randn(300, 2, generator=g),
    "skewed": lambda g: torch.rand(300, 2, generator=g) ** 4 * 3,
    "duplicates": lambda g: torch.randint(-2, 3, (200, 2), generator=g).float(),
    "constant": lambda g: torch.tensor([[0.3, -4.0]]).expand(50, -1),
    "one sample": lambda g: torch.tensor([[0.3, 1.7]]),
    "two groups": lambda g: torch.randn(4, 50, 2, generator=g) + torch.tensor([[[-2.0]], [[2.0]]] * 2),
    "tiny": lambda g: 1e-30 * torch.randn(100, 2, generator=g),
    "an outlier": lambda g: torch.cat([2 * torch.rand(200, 2, generator=g) - 1, torch.full((1, 2), -999.0)]),
    "huge outliers": lambda g: torch.cat([torch.randn(200, 2, generator=g), torch.full((3, 2), 1e12)]),
}  # fmt: skip


class TestUpdateGrid:
    def data(self, n, inputs, scale=1.0):
        return scale * torch.randn(n, inputs, generator=torch.Generator().manual_seed(5), **DOUBLE)

    @pytest.mark.parametrize("grid", [5, UNEVEN], ids=["uniform", "uneven"])
    @pytest.mark.parametrize("extrapolation", ["linear", "clamp", "zero", "error"])
    @pytest.mark.parametrize("scale", [0.1, 0.4, 3.0])
    def test_random_functions_change_by_less_than_a_percent(self, grid, extrapolation, scale):
        layer = seeded(4, 3, grid, extrapolation=extrapolation, **DOUBLE)
        x = self.data(500, 4, scale)
        if extrapolation == "error":
            x = x.clamp(-1, 1)
        before = layer(x)
        layer.update_grid(x)
        if extrapolation == "error":
            layer.extrapolation = "clamp"
        assert ((layer(x) - before).norm() / before.norm()).item() < 0.01

    @pytest.mark.parametrize("grid", [5, UNEVEN], ids=["uniform", "uneven"])
    def test_rank_deficient_data(self, grid):
        layer = seeded(3, 2, grid, **DOUBLE)
        x = torch.tensor([[0.0, -0.3, 5.0], [0.0, 0.2, 5.1]], **DOUBLE)  # two samples, one constant
        before = layer(x)
        part = layer.update_grid(x)
        assert bool(layer.coefficients().isfinite().all())
        assert ((layer(x) - before).norm() / before.norm()).item() < 0.01
        assert float(part[0]) in (0.0, 1.0)
        assert layer.breakpoints[0, 0] < layer.breakpoints[0, -1]

    def test_a_smooth_function_lets_the_grid_go_all_the_way(self):
        x = np.linspace(-4, 4, 40)
        spline = make_interp_spline(x, np.tanh(x / 2))
        layer = BSplineKANLayer.from_scipy([[spline]], **DOUBLE)
        data = self.data(500, 1, 0.5)
        part = layer.update_grid(data)
        assert part.tolist() == [1.0]
        torch.testing.assert_close(layer.breakpoints[0, 0], data.min())
        torch.testing.assert_close(layer.breakpoints[0, -1], data.max())

    def test_own_knots_follow_the_density(self):
        x = np.linspace(-4, 4, 30)
        splines = [[make_interp_spline(x, np.sin(x / 2))]]
        layer = BSplineKANLayer.from_scipy(splines, **DOUBLE)
        own = BSplineKANLayer(1, 1, layer.knots()[:, 3:-3].numpy(), base=None, **DOUBLE)
        own.load_state_dict({**layer.state_dict(), "breakpoints": own.breakpoints})
        own.update_grid(self.data(4000, 1))
        spacing = own.breakpoints[0].diff()
        middle = len(spacing) // 2
        assert bool((spacing > 0).all())
        assert float(spacing[middle]) < 0.5 * float(spacing[0])

    def test_the_period_stays(self):
        layer = seeded(1, 1, 6, extrapolation="periodic", **DOUBLE)
        x = torch.linspace(-0.2, 0.2, 50, **DOUBLE).unsqueeze(-1)
        before = layer(x)
        layer.update_grid(x)
        torch.testing.assert_close(layer(x), before)
        assert layer.domain == (-1.0, 1.0)

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (torch.zeros(0, 2), "every value finite"),
            (torch.tensor([[0.0, torch.nan]]), "every value finite"),
            (torch.tensor([[0.0, torch.inf]]), "every value finite"),
            (torch.zeros(3, 2, dtype=torch.int64), "expected torch.float32"),
            (torch.zeros(3, 2, dtype=torch.float64), "expected torch.float32"),
            (torch.zeros(3, 5), r"shape \(\.\.\., 2\)"),
            ([[0.0, 0.0]], "expects a torch.Tensor"),
        ],
    )
    def test_bad_data_are_refused(self, x, message):
        with pytest.raises(UsageError, match=message):
            seeded(2, 1).update_grid(x)

    @pytest.mark.parametrize("input_map", ["none", "standardise", "tanh"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("case", DATA)
    def test_functions_stay_on_any_data_and_samples_lie_inside(self, case, dtype, input_map):
        layer = seeded(2, 3, dtype=dtype, input_map=input_map).eval()
        x = DATA[case](torch.Generator().manual_seed(3)).to(dtype)
        before = layer.edge_functions(x).double()
        part = layer.update_grid(x)
        change = (layer.edge_functions(x) - before).flatten(0, -3).norm(dim=0)
        norm = before.flatten(0, -3).norm(dim=0)
        assert bool((change <= 0.0101 * norm).all())
        inside = super(BSplineKANLayer, layer).mapped(x)
        ends = layer.breakpoints[:, 0], layer.breakpoints[:, -1]
        out = ((inside < ends[0]) | (inside > ends[1])).any(0)
        assert not bool((out & (part == 1)).any())
        if "outlier" not in case:
            assert not bool(out.any())
        else:  # the others keep their function, too
            rest = x[x.abs().amax(1) < 100]
            twin = seeded(2, 3, dtype=dtype, input_map=input_map).eval()
            gap, size = (v.detach().norm() for v in (layer(rest) - twin(rest), twin(rest)))
            assert float(gap) <= 0.02 * float(size)

    def test_the_optimizer_keeps_its_parameters(self):
        layer = seeded(2, 1)
        before = [id(parameter) for parameter in layer.parameters()]
        layer.update_grid(self.data(50, 2).float())
        assert [id(parameter) for parameter in layer.parameters()] == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": 0}, "grid must be an integer of at least 1"),
        ({"grid": True}, "grid must be an integer"),
        ({"degree": -1}, "degree must be an integer of at least 0"),
        ({"degree": 19}, "degree must be at most 18, got 19"),
        ({"grid": [0.0]}, "at least two breakpoints"),
        ({"grid": [0.0, 1.0, 1.0]}, "finite and increasing"),
        ({"grid": [0.0, torch.nan]}, "finite and increasing"),
        ({"grid": [[0.0, 1.0]]}, "breakpoints for 1 of 2 inputs"),
        ({"grid": [0.0, 1.0], "domain": (0, 1)}, "not both"),
        ({"grid": [0.0, "a"]}, "must be numbers"),
        ({"grid": [0.0, 1.0, 1.0 + 1e-7]}, "by more than rounding"),
        ({"grid": 10**6}, "are too many"),
        ({"grid": 2.5}, "grid must be an integer"),
        ({"extrapolation": "liner"}, "did you mean 'linear'"),
        ({"grid": 3, "degree": 3, "extrapolation": "periodic"}, "grid > degree"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(UsageError, match=message):
        BSplineKANLayer(2, 1, **options)


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_the_slope_on_the_knots_and_ends_is_scipys(compiled):
    knots = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0], **DOUBLE)
    layers = [
        seeded(1, 1, grid, base=None, extrapolation=extrapolation, **DOUBLE)
        for grid in (4, knots.tolist())
        for extrapolation in ("linear", "clamp", "zero", "periodic")
    ]

    def together(x):  # one graph: compiling is slow
        return torch.stack([layer(own) for layer, own in zip(layers, x.unbind(), strict=True)])

    torch.compiler.reset()
    function = (
        torch.compile(together, backend="aot_eager", fullgraph=True) if compiled else together
    )
    x = knots.unsqueeze(-1).repeat(len(layers), 1, 1).requires_grad_()
    (slopes,) = torch.autograd.grad(function(x).sum(), x)
    for layer, slope in zip(layers, slopes, strict=True):
        expected = layer.to_scipy()[0, 0](knots.numpy(), 1)
        np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-12)
