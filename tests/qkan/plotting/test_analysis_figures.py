import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.plotting import (
    EdgeCurves,
    Harmonics,
    plot_clouds,
    plot_edge_network,
    plot_gradient_variances,
    plot_harmonics,
    plot_spectra,
    render,
)

X = np.linspace(-1, 1, 11)


def layer(inputs, outputs, edges):
    x = np.stack([X] * len(edges))
    y = np.stack([X * (i + 1) + o for i, o in edges])
    share = np.arange(1.0, inputs * outputs + 1).reshape(inputs, outputs)
    return EdgeCurves("layer", (inputs, outputs), edges, x, y, share / share.sum())


def test_a_network_shows_the_curve_of_each_edge_and_what_is_left_out():
    layers = [layer(100, 3, [(0, 0), (99, 2)]), layer(3, 1, [(0, 0), (1, 0), (2, 0)])]
    (axes,) = plot_edge_network(layers).axes
    drawn = [box.lines[0].get_ydata() for box in axes.child_axes]
    expected = [curve for one in layers for curve in one.y]
    assert len(drawn) == len(expected)
    for curve in expected:
        assert any(np.array_equal(curve, y) for y in drawn)
    texts = [text.get_text() for text in axes.texts]
    assert texts[0].startswith("2 of 300 edges\n(1 % of the attribution)")
    assert texts[1] == "all 3 edges"
    assert {"$x_{0}$", "$x_{99}$", "$h_{1}$", "$y_{0}$"} <= set(texts)
    assert "$x_{1}$" not in texts


def test_lines_meet_their_nodes_and_boxes():
    (axes,) = plot_edge_network([layer(2, 2, [(0, 0), (0, 1), (1, 0), (1, 1)])]).axes
    nodes = {
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    ends = [
        (line.get_xdata(), line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2
    ]
    assert len(ends) == 8
    for x, y in ends:
        assert (x[0], y[0]) in nodes or (x[1], y[1]) in nodes


def test_a_network_must_be_a_chain():
    with pytest.raises(UsageError, match="3 outputs, layer 'layer' 2 inputs"):
        plot_edge_network([layer(1, 3, [(0, 0)]), layer(2, 1, [(0, 0)])])
    with pytest.raises(UsageError, match="one layer or more"):
        plot_edge_network([])


def test_spectra_show_medians():
    amplitudes = np.stack([np.full((3, 5), k) for k in (0.5, 2.0)])
    (axes,) = plot_spectra({"first": amplitudes}).axes
    assert [line.get_ydata()[0] for line in axes.lines] == [0.5, 2.0]
    assert axes.get_title() == "first: 15 edges"


def test_harmonics_and_their_sum():
    waves = np.stack([0 * X + 1, X, X**2])
    figure = plot_harmonics([Harmonics(f"edge {k}", X, waves.sum(0), waves, X) for k in range(5)])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 5
    np.testing.assert_array_equal(shown[0].lines[2].get_ydata(), 1 + X + X**2)
    assert len(figure.legends[0].get_texts()) == 3


def test_clouds_share_their_axes_and_skip_middle_harmonics():
    rng = np.random.default_rng(0)
    clouds = {name: rng.normal(size=(20, 9)) + 0j for name in ("circuit", "free")}
    axes = plot_clouds(clouds).axes
    assert len(axes) == 10
    assert [a.get_title() for a in axes[:5]] == [f"$c_{{{k}}}$" for k in (0, 1, 2, 3, 8)]
    assert axes[0].get_xlim() == axes[5].get_xlim()


def test_flat_variances_do_not_look_like_a_plateau():
    (axes,) = plot_gradient_variances(np.array([[0.1, 0.11]]), [1], [1, 2]).axes
    low, high = axes.get_ylim()
    assert high / low == pytest.approx(10)
    assert axes.get_legend().get_texts()[0].get_text() == "1 wire"


def test_every_figure_renders():
    assert render(plot_edge_network([layer(2, 1, [(0, 0)])]), "png")[1:4] == b"PNG"
