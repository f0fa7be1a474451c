"""``qkan.plot``: a model at one look."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from torch import nn

from qkan.analysis.curves import edge_curves
from qkan.plotting.edge_network import plot_edge_network

__all__ = ["plot"]


def plot(model: nn.Module, inputs: Any = None, *, most: int = 14) -> Figure:
    """Draw a network with the curve of each edge on it, classical or quantum.

    Of a large layer the edges are shown that account for most of the outputs; below it stands how many were left out.

    Args:
        model: Any module whose KAN layers are a chain; a single layer will do.
        inputs: A batch of data: curves then run over what each layer sees of it, and strengths are measured on it.
            Without one, both are taken over the layers' domains.
        most: The largest number of edges drawn of a layer.

    Returns:
        A matplotlib figure that belongs to no window: save it with ``savefig``.

    Raises:
        UsageError: If the model has no KAN layer, or its layers are no chain.

    Example:
        >>> import qkan
        >>> figure = plot(qkan.QKAN([2, 5, 1], "pz(depth=3)"))
        >>> figure.axes[0].texts[0].get_text()
        'all 10 edges'
    """
    return plot_edge_network(edge_curves(model, inputs, most=most))
