"""Networks: what is drawn, what is left out and counted, and where things meet."""

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.plotting import EdgeCurves, plot_edge_network, plot_network

RNG = np.random.default_rng(0)
X = np.linspace(-1, 1, 11)


def segments(figure, layer):
    return np.array(figure.axes[0].collections[layer].get_segments())


def test_only_edges_that_are_there_are_drawn_and_counted():
    first, second = np.tri(6, 4), np.eye(4, 3)
    figure = plot_network([first, second])
    assert [len(segments(figure, layer)) for layer in (0, 1)] == [18, 3]
    assert figure.axes[0].get_title() == "18 of 18 and 3 of 3 edges"
    whole = plot_network([RNG.random((784, 64)), RNG.random((64, 10))], image=(28, 28))
    assert [len(segments(whole, layer)) for layer in (0, 1)] == [150, 150]
    assert plot_network([np.zeros((3, 2))]).axes[0].get_title() == "0 of 0 edges"


def test_a_pixel_is_where_the_image_has_it():
    strength = np.zeros((4, 1))
    strength[2] = 1.0  # row 1, column 0
    figure = plot_network([strength], image=(2, 2))
    ((start, _),) = segments(figure, 0)
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert start == pytest.approx([left + (right - left) / 4, top + 3 * (bottom - top) / 4])


def test_an_edge_joins_its_input_and_its_output():
    strength = np.zeros((3, 2))
    strength[0, 1] = 1.0
    ((start, end),) = segments(plot_network([strength]), 0)
    assert start[1] == pytest.approx(1 / 6)
    assert end[1] == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ([np.ones(3)], {}, "one .in, out. array"),
        ([np.ones((3, 2)), np.ones((3, 1))], {}, "each layer to take"),
        ([np.ones((9, 2))], {"image": (2, 3)}, "2 x 3 inputs, got 9"),
        ([-np.ones((3, 2))], {}, "finite strengths"),
        ([np.full((3, 2), np.nan)], {}, "finite strengths"),
    ],
)
def test_what_is_no_network_is_refused(layers, options, message):
    with pytest.raises(UsageError, match=message):
        plot_network(layers, **options)


def layer(inputs, outputs, edges):
    y = np.stack([X * (i + 1) + o for i, o in edges])
    share = np.arange(1.0, inputs * outputs + 1).reshape(inputs, outputs)
    xs = np.stack([X] * len(edges))
    return EdgeCurves("layer", (inputs, outputs), inputs * outputs, edges, xs, y, share)


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
    ends = [line.get_xydata() for line in axes.lines]
    nodes = {tuple(points[0]) for points in ends if len(points) == 1}
    lines = [points for points in ends if len(points) == 2]
    assert len(lines) == 8
    assert all(tuple(line[0]) in nodes or tuple(line[1]) in nodes for line in lines)


def test_a_network_of_curves_must_be_a_chain():
    with pytest.raises(UsageError, match="3 outputs, layer 'layer' 2 inputs"):
        plot_edge_network([layer(1, 3, [(0, 0)]), layer(2, 1, [(0, 0)])])
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_edge_network([])
