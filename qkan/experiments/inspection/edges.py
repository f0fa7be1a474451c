"""What the page says of edges: curves, harmonics, formulas and spectra."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.errors import CircuitError, UsageError
from qkan.analysis.formulas import SymbolicFit, fit_formula
from qkan.analysis.spectrum import EdgeSpectrum, edge_spectrum
from qkan.layers import KANLayer
from qkan.plotting import EdgeCurves, Harmonics, plot_harmonics, plot_spectra
from qkan.studies.report import Picture, Section, Table

__all__ = ["edge_sections"]

_MOST = 8


def edge_sections(
    layers: dict[str, KANLayer], curves: Sequence[EdgeCurves]
) -> tuple[str, list[Section]]:
    """Return a sentence on the formulas, and the sections on edges and their spectra."""
    spectra = {name: found for name, layer in layers.items() if (found := _spectrum(layer))}
    rows, pictures = [], []
    good = total = 0
    for index, layer in enumerate(curves):
        panels = []
        ranked = sorted(range(len(layer.edges)), key=lambda k: -layer.share[layer.edges[k]])
        for k in ranked[:_MOST]:
            fit = fit_formula(layer.x[k], layer.y[k])
            good, total = good + fit.good, total + 1
            rows.append(_row(_name(layer, index, len(curves), k), layer.share[layer.edges[k]], fit))
            panels.append(
                _panel(layers[layer.name], spectra.get(layer.name), layer, k, rows[-1][0], fit)
            )
        caption = (
            f"The strongest edges of layer {layer.name}, their harmonics, and the formula found."
        )
        pictures.append(Picture.of(f"edges-{layer.name}", caption, plot_harmonics(panels)))
    sentence = (
        f"Of the {total} strongest edges, {good} are described by a formula of the library "
        "(99.9 % of the variance or more)."
    )
    text = [
        "Each formula is the simplest of a small library, c f(a x + b) + d, that comes as close as any of it; "
        "its error is what it leaves of the variance, and its largest residual."
    ]
    header = ["edge", "attribution", "formula", "1 - R²", "largest error", "a description?"]
    sections = [Section("Edge functions and formulas", text, Table(header, rows), pictures)]
    if spectra:
        caption = "Amplitude of each harmonic: median over the edges, half of them (dark), 90 % of them (pale)."
        plot = plot_spectra({f"layer {name}": s.amplitudes for name, s in spectra.items()})
        sections.append(Section("Spectra", pictures=[Picture.of("spectra", caption, plot)]))
    return sentence, sections


def _spectrum(layer: KANLayer) -> EdgeSpectrum | None:
    try:
        return edge_spectrum(layer)  # type: ignore[arg-type]  # it says itself what it can take
    except (UsageError, CircuitError):
        return None


def _name(layer: EdgeCurves, index: int, layers: int, k: int) -> str:
    source, target = layer.edges[k]
    before = "x" if index == 0 else "h"
    after = "y" if index == layers - 1 else "h"
    return f"{layer.name}: {before}{source} to {after}{target}"


def _row(name: str, share: float, fit: SymbolicFit) -> list[str]:
    verdict = "yes" if fit.good else "no"
    return [
        name,
        f"{100 * share:.2g} %",
        fit.formula,
        f"{1 - fit.r2:.1e}",
        f"{fit.max_error:.2g}",
        verdict,
    ]


def _panel(
    layer: KANLayer,
    spectrum: EdgeSpectrum | None,
    curves: EdgeCurves,
    k: int,
    name: str,
    fit: SymbolicFit,
) -> Harmonics:
    waves = None
    # The series is one of what comes behind the input map; the curve is drawn along what comes before.
    same = layer.input_map is None
    if spectrum is not None and same:
        waves = spectrum.harmonics(curves.edges[k], curves.x[k])
    return Harmonics(name, curves.x[k], curves.y[k], waves, fit(curves.x[k]))
