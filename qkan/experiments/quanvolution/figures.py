"""The figures of the experiment: what is drawn of which arrays."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from circuits import FourierSeries
from circuits.drawing import draw
from qkan.experiments.quanvolution.form import forms_of
from qkan.experiments.quanvolution.setup import Setup
from qkan.plotting import Response, plot_channels, plot_response
from qkan.studies.report import Picture
from qkan.studies.run import RunFolder

__all__ = ["draw_channels", "draw_circuit", "draw_response"]

_SHOWN = 8


def draw_circuit(setup: Setup, folder: RunFolder) -> Picture:
    """Draw the gates of the filter."""
    caption = f"The circuit of the filter {setup.circuit.name}."
    return Picture.save(folder, "circuit", caption, draw(setup.circuit))


def draw_channels(setup: Setup, images: Tensor, folder: RunFolder) -> Picture:
    """Draw four images beside what the filter makes of them."""
    features = setup.features(setup.circuit, images).maps[:, :_SHOWN].numpy()
    names = _names(setup)[:_SHOWN]
    caption = "Four training images and the channels that the filter makes of them."
    plot = plot_channels(images[:4, 0].numpy(), features, names)
    return Picture.save(folder, "channels", caption, plot)


def draw_response(setup: Setup, series: FourierSeries, folder: RunFolder) -> Picture:
    """Draw every output as a function of the pixels that it depends on."""
    x = np.linspace(0, 1, 101)
    responses = []
    for output, (form, name) in enumerate(zip(forms_of(series), _names(setup), strict=True)):
        if len(form.inputs) == 2:
            points = np.zeros((len(x), len(x), len(series.scales)))
            points[..., form.inputs[0]], points[..., form.inputs[1]] = np.meshgrid(
                x, x, indexing="ij"
            )
            values = series(points)[..., output]
        else:
            points = np.zeros((len(form.inputs), len(x), len(series.scales)))
            for row, k in enumerate(form.inputs):
                points[row, :, k] = x
            values = series(points)[..., output]
        responses.append(Response(name, form.inputs, values))
    caption = (
        "The filter as a function of its pixels (0 to 1): a curve where an output depends on one "
        "pixel, a map where it depends on two, else a cut along each with the others black."
    )
    return Picture.save(folder, "response", caption, plot_response(x, responses))


def _names(setup: Setup) -> list[str]:
    return [
        rf"$\langle {o.name[-1]}_{{{o.wires[0]}}}\rangle$"
        if len(o.wires) == 1 and o.name.startswith("Pauli")
        else f"output {k}"
        for k, o in enumerate(setup.circuit.observables)
    ]
