import numpy as np

from qkan.plotting import Measured, plot_heat_maps, plot_tradeoff, render
from qkan.plotting.style import arm_colors


def test_the_best_cell_of_all_panels_is_framed():
    panels = {"a": np.array([[1.0, 2.0], [3.0, np.nan]]), "b": np.array([[0.0, 9.0], [3.0, 4.0]])}
    figure = plot_heat_maps(panels, ("rate", [0.1, 0.2]), ("gamma", [0.8, 0.9]), "accuracy")
    assert [len(axes.patches) for axes in figure.axes[:2]] == [0, 1]
    frame = figure.axes[1].patches[0]
    assert (frame.get_x() + frame.get_width() / 2, frame.get_y() + 0.48) == (1.0, 0.0)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.0", "2.0", "3.0"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.8", "0.9"]


def test_a_grid_of_one_value_is_drawn():
    figure = plot_heat_maps({"a": np.ones((1, 1))}, ("rate", [1]), ("gamma", [1]), "accuracy")
    assert render(figure, "png")


def test_points_are_joined_in_order_of_cost():
    points = [Measured(32, 96, 95, 97), Measured(16, 95, 94, 96)]
    figure = plot_tradeoff({"width": {"kan": points}}, "accuracy")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xydata(), [[16, 95], [32, 96]])
    assert figure.axes[0].get_xscale() == "log"


def test_colours_of_one_figure_differ():
    arms = ["kan", "width 16", "width 32", "width 64", "linear", "mlp"]
    assert len({*arm_colors(arms).values()}) == len(arms)
