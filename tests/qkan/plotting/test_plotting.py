import numpy as np
import pytest
from matplotlib.figure import Figure

from qkan.plotting import (
    Response,
    plot_channels,
    plot_curves,
    plot_response,
    plot_scaling,
    plot_seeds,
    render,
)
from qkan.plotting.style import arm_colors

RNG = np.random.default_rng(0)
ARMS = ("quantum", "classical", "no_entanglement", "random_features")


def curves():
    return {
        a: {"train_loss": RNG.uniform(1, 2, (5, 8)), "val_accuracy": RNG.random((5, 8))}
        for a in ARMS
    }


def test_a_curve_is_the_mean_over_seeds():
    histories = curves()
    axes = plot_curves(histories).axes[0]
    for line, arm in zip(axes.lines, ARMS, strict=True):
        np.testing.assert_allclose(line.get_ydata(), histories[arm]["train_loss"].mean(axis=0))
        assert line.get_color() == arm_colors(ARMS)[arm]
    assert axes.get_yscale() == "log"


def test_an_arm_has_one_colour_everywhere():
    assert len({*arm_colors(ARMS).values()}) == len(ARMS)
    finals = {arm: {m: v[:, -1] for m, v in ms.items()} for arm, ms in curves().items()}
    figure = plot_seeds(
        finals, {"quantum": {"train_loss": (1.0, 2.0)}}, {"quantum": {"train_loss": 1.5}}
    )
    (published,) = figure.axes[0].lines
    assert published.get_color() == arm_colors(ARMS)["quantum"]
    assert published.get_xdata() == 1.5


def test_every_seed_is_a_dot():
    figure = plot_seeds({"quantum": {"val_loss": np.array([1.0, 2.0, 3.0])}}, {}, {})
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets()[:, 0], [1, 2, 3])


def test_a_map_has_its_first_input_along_x():
    x = np.linspace(0, 1, 11)
    axes = plot_response(x, [Response("Z3", (1, 3), np.outer(x - 0.3, 1 + x))]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x_1$", "$x_3$")
    zero_line = axes.collections[-1].get_paths()[0].vertices
    np.testing.assert_allclose(zero_line[:, 0], 0.3, atol=1e-12)


@pytest.mark.parametrize("inputs", [(), (2,), (0, 1, 3)])
def test_cuts_have_a_line_an_input(inputs):
    x = np.linspace(0, 1, 5)
    axes = plot_response(x, [Response("Z", inputs, RNG.random((len(inputs), 5)))]).axes[0]
    assert len(axes.lines) == len(inputs)


def test_channels_share_one_scale():
    figure = plot_channels(
        np.zeros((4, 28, 28)), np.zeros((4, 9, 14, 14)), [f"Z{k}" for k in range(9)]
    )
    limits = {axes.images[0].get_clim() for axes in figure.axes[:40]}
    assert limits == {(0.0, 1.0), (-1.0, 1.0)}


def test_scaling_shows_percent_in_order_of_channels():
    kinds = {"quantum": {16: np.array([0.9, 0.92]), 4: np.array([0.8, 0.8])}}
    line = plot_scaling({"linear": kinds}).axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[4, 80], [16, 91]])


def test_a_single_channel_count_is_a_level():
    kinds = {"classical": {4: np.array([0.9, 0.92])}, "quantum": {4: np.ones(2), 16: np.ones(2)}}
    axes = plot_scaling({"linear": kinds}).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [91, 91])
    assert list(axes.get_xticks()) == [4, 16]


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_figure_renders_the_same_twice(kind, magic):
    figure = plot_curves(curves())
    first = render(figure, kind)
    assert first.startswith(magic)
    assert render(figure, kind) == first


def test_no_global_state_is_left():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    assert isinstance(plot_curves(curves()), Figure)
    assert dict(mpl.rcParams) == before
