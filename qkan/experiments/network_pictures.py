"""Pictures of a trained network for a report: its graph, and the functions that it learned."""

from __future__ import annotations

from torch import Tensor, nn

from qkan.analysis import connection_strengths, learned_curves
from qkan.experiments import notebook_networks
from qkan.plotting import plot_edge_functions, plot_network
from qkan.studies.report import Picture
from qkan.studies.run import RunFolder

__all__ = ["network_pictures"]

_IMAGE = (28, 28)


def network_pictures(model: nn.Module, images: Tensor, folder: RunFolder) -> list[Picture]:
    """Draw the graph of a chain of layers, and what is learned on its edges or in its units.

    Args:
        model: Trained.
        images: Test images, as the model was trained on them.
        folder: Of the run.

    Returns:
        No pictures, if there is nothing of that kind to draw (a convolutional network).
    """
    if not hasattr(model, "in_features"):
        return []
    strengths = connection_strengths(model, images)
    pixels = strengths[0].shape[0] == _IMAGE[0] * _IMAGE[1]
    graph = plot_network(strengths, image=_IMAGE if pixels else None)
    caption = (
        "The strongest connections of each layer (seed 0): how far each one moves its output over the test images. "
        "Each pixel is as dark as its connections are strong in sum."
    )
    pictures = [Picture.save(folder, "network", caption, graph)]
    curves = learned_curves(model, images) or notebook_networks.learned_curves(model, images)
    if curves:
        caption = (
            "Functions that the network applies (seed 0), over the density of the values that reach them on the test "
            "images. Dashed: the range that a spline was made for; beyond it, it is extrapolated."
        )
        pictures.append(Picture.save(folder, "functions", caption, plot_edge_functions(curves)))
    return pictures
