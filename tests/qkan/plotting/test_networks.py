import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.plotting import EdgeFunction, plot_edge_functions, plot_network

RNG = np.random.default_rng(0)


def segments(figure, layer):
    return np.array(figure.axes[0].collections[layer].get_segments())


def test_only_edges_above_the_threshold_are_drawn_and_counted():
    first, second = RNG.random((6, 4)), RNG.random((4, 3))
    figure = plot_network([first, second], threshold=0.5)
    assert len(segments(figure, 0)) == (first >= 0.5).sum()
    assert figure.axes[0].get_title() == (
        f"{(first >= 0.5).sum()} of 24 and {(second >= 0.5).sum()} of 12 edges"
    )


def test_by_default_the_strongest_edges_of_a_large_layer():
    figure = plot_network([RNG.random((784, 64)), RNG.random((64, 10))], image=(28, 28))
    assert [len(segments(figure, layer)) for layer in (0, 1)] == [150, 150]


def test_a_pixel_is_where_the_image_has_it():
    strength = np.zeros((4, 1))
    strength[2] = 1.0  # row 1, column 0
    figure = plot_network([strength], threshold=0.5, image=(2, 2))
    ((start, _),) = segments(figure, 0)
    image = figure.axes[0].images[0]
    left, right, bottom, top = image.get_extent()
    assert start == pytest.approx([left + (right - left) / 4, top + 3 * (bottom - top) / 4])


def test_an_edge_joins_its_input_and_its_output():
    strength = np.zeros((3, 2))
    strength[0, 1] = 1.0
    ((start, end),) = segments(plot_network([strength], threshold=0.5), 0)
    assert start[1] == pytest.approx(1 / 6)
    assert end[1] == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ([], {}, "one .in, out. array"),
        ([np.ones((3, 2)), np.ones((3, 1))], {}, "each layer to take"),
        ([np.ones((9, 2))], {"image": (2, 3)}, "2 x 3 inputs, got 9"),
        ([-np.ones((3, 2))], {}, "finite strengths"),
        ([np.full((3, 2), np.nan)], {}, "finite strengths"),
    ],
)
def test_what_is_no_network_is_refused(layers, options, message):
    with pytest.raises(UsageError, match=message):
        plot_network(layers, **options)


def test_a_net_of_zeros_is_drawn():
    assert plot_network([np.zeros((3, 2))]).axes[0].get_title() == "6 of 6 edges"


def test_inputs_outside_the_curve_are_counted():
    x = np.linspace(0, 1, 11)
    function = EdgeFunction("f", x, x**2, np.array([0.5, 0.6, 2.0, -1.0]), domain=(0.2, 0.8))
    figure = plot_edge_functions([function])
    axes, density = figure.axes
    assert axes.get_xlabel() == "50.0 % of its inputs outside"
    assert sum(bar.get_height() for bar in density.patches) == 2
    np.testing.assert_allclose(axes.lines[0].get_ydata(), x**2)
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == [0.2, 0.8]


def test_the_last_row_may_be_short():
    x = np.linspace(0, 1, 3)
    figure = plot_edge_functions([EdgeFunction(str(k), x, x, x) for k in range(5)], columns=3)
    assert sum(axes.get_visible() for axes in figure.axes if axes.get_title()) == 5
