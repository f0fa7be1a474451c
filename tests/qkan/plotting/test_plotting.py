"""Figures show the numbers that they are given, each arm in its colour, and leave no state behind."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from circuits.errors import UsageError
from qkan.plotting import (
    Axis,
    EdgeCurves,
    EdgeFunction,
    Harmonics,
    Measured,
    Response,
    plot_channels,
    plot_clouds,
    plot_curves,
    plot_edge_functions,
    plot_edge_network,
    plot_errors,
    plot_feature_errors,
    plot_fits,
    plot_gradient_variances,
    plot_harmonics,
    plot_heat_maps,
    plot_reliability,
    plot_response,
    plot_rocs,
    plot_seeds,
    plot_spectra,
    plot_sweep,
    plot_tradeoff,
    render,
)
from qkan.plotting.style import arm_colors

RNG = np.random.default_rng(0)
ARMS = ("quantum", "classical", "no_entanglement", "random_features")
X = np.linspace(-1, 1, 11)


def curves():
    metrics = {"train_loss": RNG.uniform(1, 2, (5, 8)), "val_accuracy": RNG.random((5, 8))}
    return dict.fromkeys(ARMS, metrics)


def test_a_curve_is_the_mean_over_seeds_in_the_colour_of_its_arm():
    histories = curves()
    figure = plot_curves(histories)
    axes = figure.axes[0]
    assert figure.axes[1].get_ylim()[1] <= 100  # accuracies are in %
    for line, (arm, color) in zip(axes.lines, arm_colors(ARMS).items(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), histories[arm]["train_loss"].mean(axis=0))
        assert line.get_color() == color
    assert axes.get_yscale() == "log"
    finals = {arm: {m: v[:, -1] for m, v in ms.items()} for arm, ms in histories.items()}
    marked = {"quantum": {"train_loss": 1.5}}
    (published,) = plot_seeds(finals, {"quantum": {"train_loss": (1.0, 2.0)}}, marked).axes[0].lines
    assert published.get_color() == arm_colors(ARMS)["quantum"]
    assert published.get_xdata() == 1.5


def test_colours_of_one_figure_differ():
    arms = ["kan", "width 16", "width 32", "width 64", "linear", "mlp"]
    assert len({*arm_colors(arms).values()}) == len(arms)


def test_every_seed_is_a_dot():
    figure = plot_seeds({"quantum": {"val_loss": np.array([1.0, 2.0, 3.0])}})
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets()[:, 0], [1, 2, 3])


def test_a_map_has_its_first_input_along_x():
    x = np.linspace(0, 1, 11)
    axes = plot_response(x, [Response("Z3", (1, 3), np.outer(x - 0.3, 1 + x))]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x_1$", "$x_3$")
    zero_line = axes.collections[-1].get_paths()[0].vertices
    np.testing.assert_allclose(zero_line[:, 0], 0.3, atol=1e-12)


@pytest.mark.parametrize("inputs", [(), (2,), (0, 1, 3)])
def test_cuts_have_a_line_an_input(inputs):
    axes = plot_response(X, [Response("Z", inputs, RNG.random((len(inputs), 11)))]).axes[0]
    assert len(axes.lines) == len(inputs)


def test_channels_share_one_scale():
    names = [f"Z{k}" for k in range(9)]
    figure = plot_channels(np.zeros((2, 28, 28)), np.zeros((2, 9, 14, 14)), names)
    assert {axes.images[0].get_clim() for axes in figure.axes[:20]} == {(0.0, 1.0), (-1.0, 1.0)}


@pytest.mark.slow
def test_the_best_cell_of_all_grids_is_framed():
    grids = {"a": np.array([[1.0, 2.0], [3.0, np.nan]]), "b": np.array([[0.0, 9.0], [3.0, 4.0]])}
    figure = plot_heat_maps(grids, ("rate", [0.1, 0.2]), ("gamma", [0.8, 0.9]), "accuracy")
    assert [len(axes.patches) for axes in figure.axes[:2]] == [0, 1]
    frame = figure.axes[1].patches[0]
    assert (frame.get_x() + frame.get_width() / 2, frame.get_y() + 0.48) == (1.0, 0.0)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.0", "2.0", "3.0"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.8", "0.9"]


def test_points_are_joined_in_order_of_cost():
    points = [Measured(32, 96, 95, 97), Measured(16, 95, 94, 96)]
    (axes,) = plot_tradeoff({"width": {"kan": points}}, "accuracy").axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[16, 95], [32, 96]])
    assert axes.get_xscale() == "log"


def test_inputs_outside_the_curve_are_counted():
    x = np.linspace(0, 1, 11)
    function = EdgeFunction("f", x, x**2, np.array([0.5, 0.6, 2.0, -1.0]), domain=(0.2, 0.8))
    axes, density = plot_edge_functions([function]).axes
    assert axes.get_xlabel() == "50.0 % of its inputs outside"
    assert sum(bar.get_height() for bar in density.patches) == 2
    np.testing.assert_allclose(axes.lines[0].get_ydata(), x**2)
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == [0.2, 0.8]


def test_harmonics_add_up_and_the_last_row_may_be_short():
    waves = np.stack([0 * X + 1, X, X**2])
    figure = plot_harmonics([Harmonics(f"edge {k}", X, waves.sum(0), waves, X) for k in range(5)])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 5
    np.testing.assert_array_equal(shown[0].lines[2].get_ydata(), 1 + X + X**2)
    assert len(figure.legends[0].get_texts()) == 3


def test_spectra_show_medians():
    amplitudes = np.stack([np.full((3, 5), k) for k in (0.5, 2.0)])
    (axes,) = plot_spectra({"first": amplitudes}).axes
    assert [line.get_ydata()[0] for line in axes.lines] == [0.5, 2.0]
    assert axes.get_title() == "first: 15 edges"


def test_clouds_share_their_axes_and_skip_middle_harmonics():
    clouds = {name: RNG.normal(size=(20, 9)) + 0j for name in ("circuit", "free")}
    axes = plot_clouds(clouds).axes
    assert [a.get_title() for a in axes[:5]] == [f"$c_{{{k}}}$" for k in (0, 1, 2, 3, 8)]
    assert axes[0].get_xlim() == axes[5].get_xlim()


def test_flat_variances_do_not_look_like_a_plateau():
    (axes,) = plot_gradient_variances(np.array([[0.1, 0.11]]), [1], [1, 2]).axes
    low, high = axes.get_ylim()
    assert high / low == pytest.approx(10)
    assert axes.get_legend().get_texts()[0].get_text() == "1 wire"


SIZES = (2, 2)
ODD = {  # of a function that fills arrays
    "curves": lambda v: plot_curves({"a": {"train_loss": v(3, 4), "val_accuracy": v(3, 4)}}),
    "seeds": lambda v: plot_seeds({"a": {"train_loss": v(3), "test_accuracy": v(3)}}),
    "errors": lambda v: plot_errors({"a": {"t": v(3)}}, "e"),
    "heat maps": lambda v: plot_heat_maps({"a": v(2, 2)}, ("r", SIZES), ("c", SIZES), "l"),
    "sweep": lambda v: plot_sweep([0, 1], v(2), [Axis("a", [1, 2])], "val_loss", maximize=False),
    "trade-off": lambda v: plot_tradeoff({"c": {"a": [Measured(1, *v(3))]}}, "accuracy / %"),
    "channels": lambda v: plot_channels(v(1, 4, 4), v(1, 2, 2, 2), ["a", "b"]),
    "response": lambda v: plot_response(
        X, [Response("a", (0,), v(1, 11)), Response("b", (0, 1), v(11, 11))]
    ),
    "feature errors": lambda v: plot_feature_errors(SIZES, {"a": v(2)}, {"a": 0.0}, v(2)),
    "rocs": lambda v: plot_rocs({"a": (v(5), v(5))}),
    "reliability": lambda v: plot_reliability({"a": (v(3), v(3), v(3))}),
    "spectra": lambda v: plot_spectra({"a": v(3, 2, 2)}),
    "clouds": lambda v: plot_clouds({"a": v(5, 3) + 0j}),
    "variances": lambda v: plot_gradient_variances(v(2, 2), SIZES, SIZES),
    "curves of edges": lambda v: plot_edge_network(
        [EdgeCurves("0", (1, 1), 1, [(0, 0)], X[None], v(1, 11), np.ones((1, 1)))]
    ),
    "edge functions": lambda v: plot_edge_functions([EdgeFunction("a", X, v(11), v(5))]),
    "one point": lambda v: plot_edge_functions([EdgeFunction("a", X[:1], v(1), v(0))]),
    "fits": lambda v: plot_fits({"a": (X, v(11), v(11))}),
    "harmonics": lambda v: plot_harmonics([Harmonics("a", X, v(11), v(3, 11), v(11))]),
}


@pytest.mark.parametrize("kind", ODD)
def test_gaps_and_zeros_are_drawn_and_figures_let_the_paper_through(kind):
    for value in (np.nan, np.inf, 0.0):
        figure = ODD[kind](lambda *shape, value=value: np.full(shape, value))
        figure.draw_without_rendering()
        assert figure.get_facecolor()[3] == 0
        for axes in figure.axes:
            assert axes.patch.get_facecolor()[3] == 0 or axes.images or axes.collections
            assert not axes.get_ylabel().endswith("accuracy / %") or axes.get_ylim()[1] <= 100


def test_nothing_to_draw_is_refused():
    for draw in (plot_curves, plot_seeds, plot_fits, plot_rocs, plot_spectra, plot_edge_functions):
        with pytest.raises(UsageError, match="nothing to draw"):
            draw({})
    with pytest.raises(UsageError, match="two input values"):
        plot_response(X[:1], [Response("a", (0,), np.ones((1, 1)))])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_figure_renders_the_same_twice_and_leaves_no_state(kind, magic):
    before = dict(mpl.rcParams)
    figure = plot_curves(curves())
    assert isinstance(figure, Figure)
    first = render(figure, kind)
    assert first.startswith(magic)
    assert render(figure, kind) == first
    assert dict(mpl.rcParams) == before
