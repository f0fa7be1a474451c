"""One page about a trained model: its network, edges, formulas, spectra and circuits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from circuits import Circuit, draw
from circuits.edges import EDGES, edge
from circuits.errors import CircuitError, UsageError
from circuits.naming import parse_call
from qkan import models
from qkan.analysis.edges import edge_curves, kan_layers
from qkan.analysis.expressivity import (
    coefficient_cloud,
    gradient_variance,
    random_cloud,
    reachable_dimension,
)
from qkan.analysis.formulas import fit_formula
from qkan.analysis.spectrum import EdgeSpectrum, edge_spectrum
from qkan.data import mnist
from qkan.layers import KANLayer
from qkan.plotting import (
    EdgeCurves,
    Harmonics,
    plot_clouds,
    plot_edge_network,
    plot_gradient_variances,
    plot_harmonics,
    plot_spectra,
)
from qkan.progress import Progress
from qkan.studies.report import Picture, Report, Section, Table
from qkan.studies.run import provenance
from qkan.studies.study import FOLDER

__all__ = [
    "INPUTS",
    "checkpoints",
    "inspect_circuits",
    "inspect_model",
    "inspect_path",
    "read_inputs",
]

INPUTS = "inputs.npy"
"""Some inputs of the models beside them, for which ranges and strengths are measured."""

_MOST = 8
"""Edges of a layer that are shown."""
_SEED = 0
_DEPTHS = (1, 2, 3, 4, 6, 8)
_WIRES = (2, 3, 4)
_EXPONENTIAL = (1, 2, 3)


def checkpoints(path: Path) -> list[Path]:
    """Return the model's file at ``path``, or those in the folder of a run.

    Raises:
        UsageError: If there is none.
    """
    files = [path] if path.is_file() else sorted((path / FOLDER).glob("*.safetensors"))
    if not files:
        raise UsageError(
            f"there is no model in {path}: expected a file that model.save(...) wrote, or the folder of a run "
            f"with such files in {FOLDER}/"
        )
    return files


def read_inputs(name: str) -> NDArray[np.floating]:
    """Return the rows that a ``.npy`` file holds, or the first 1,000 images of ``mnist``.

    Raises:
        UsageError: If there are no finite numbers in rows.
    """
    if name == "mnist":
        return np.asarray(mnist(train=1000, test=1).train_images.flatten(1).numpy() / 255)
    if not Path(name).is_file():  # a pipe would block
        raise UsageError(f"expected a .npy file of inputs, or mnist, got {name}: no such file")
    try:
        values = np.load(name, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise UsageError(
            f"expected a .npy file of inputs, or mnist, got {name}: {error}"
        ) from error
    if not isinstance(values, np.ndarray):
        raise UsageError(f"expected a .npy file of inputs, got several arrays in {name}")
    if values.ndim < 2 or not np.issubdtype(values.dtype, np.number):
        raise UsageError(f"expected inputs (N, in_features), got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise UsageError(f"{name} holds NaN or infinity")
    return np.asarray(values, dtype=np.float64)


def inspect_path(
    path: Path, inputs: NDArray[np.floating] | None = None, progress: Progress | None = None
) -> Report:
    """Return the report about a model's file, or about the models in the folder of a run.

    Args:
        path: A file that ``model.save`` wrote, or a folder that has such files in ``models/``.
        inputs: A batch for the models; by default ``models/inputs.npy`` of the run, if there is one.
        progress: Is told what is done.

    Raises:
        UsageError: If there is no such file, or no model in the folder.
    """
    files = checkpoints(path)
    beside = files[0].parent / INPUTS
    if inputs is None and beside.is_file():
        inputs = read_inputs(str(beside))
    summaries, sections, skipped = [], [], []
    for file in files:
        model = models.load(file)
        name = "" if len(files) == 1 else f"{file.stem}: "
        if _has_edges(model):
            report = inspect_model(model, inputs, progress)
        elif circuits := _circuits(dict(model.named_modules())):
            report = inspect_circuits(circuits, progress)
        else:
            skipped.append(file.stem)
            continue
        summaries += [name + report.summary[0], *report.summary[1:]]
        sections += [Section(name + s.title, s.text, s.table, s.pictures) for s in report.sections]
    if not sections:
        raise UsageError(
            f"no model in {path} has functions on its edges, or circuits ({', '.join(skipped)}): there is nothing to "
            "look at"
        )
    if skipped:
        summaries.append(
            f"Left out, for they have no functions on their edges: {', '.join(skipped)}."
        )
    return Report(f"Inside {path.resolve().name}", summaries, sections, _facts())


def inspect_circuits(circuits: Sequence[Circuit], progress: Progress | None = None) -> Report:
    """Return the report about circuits alone: a drawing, and what their weights can reach.

    Args:
        circuits: The circuits.
        progress: Is told what is done.
    """
    summary, sections = [], []
    for circuit in circuits:
        with (progress or Progress()).task(f"circuit {circuit.name}"):
            sentence, section = _ansatz_section(circuit)
        summary.append(sentence)
        sections.append(section)
    names = ", ".join(circuit.name for circuit in circuits)
    return Report(f"Inside {names}", summary, sections, _facts())


def inspect_model(model: nn.Module, inputs: Any = None, progress: Progress | None = None) -> Report:
    """Return the report about a model with functions on its edges.

    Args:
        model: Any module with KAN layers, classical or quantum.
        inputs: A batch for it, for which ranges and strengths are measured.
        progress: Is told what is done.

    Raises:
        UsageError: If the model has no KAN layer.

    Example:
        >>> import qkan
        >>> [section.title for section in inspect_model(qkan.KAN([1, 1])).sections]
        ['Network', 'Edge functions and formulas']
    """
    layers = kan_layers(model)
    progress = progress or Progress()
    with progress.task("edges"):
        curves = edge_curves(model, inputs)
    edges = sum(layer.in_features * layer.out_features for layer in layers.values())
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    summary = [
        f"{type(model).__name__} with {edges:,} edges and {parameters:,} trained parameters."
    ]
    over = "their domains" if inputs is None else f"{len(inputs):,} inputs"
    caption = (
        f"The edges that account for most of the outputs; strengths and ranges are measured over {over}. "
        "Each curve is scaled to its box."
    )

    def kind(layer: KANLayer) -> str:
        circuit = getattr(layer, "circuit", None)
        return type(layer).__name__ + ("" if circuit is None else f", {circuit.name}")

    columns: dict[str, Callable[..., object]] = {
        "layer": lambda name, _: name,
        "kind": lambda _, layer: kind(layer),
        "inputs": lambda _, layer: layer.in_features,
        "outputs": lambda _, layer: layer.out_features,
    }
    picture = Picture.of("network", caption, plot_edge_network(curves))
    network = Section("Network", table=Table.of(columns, layers), pictures=[picture])
    with progress.task("formulas and spectra"):
        sentence, of_edges = _edge_sections(layers, curves)
    about = inspect_circuits(_circuits(layers), progress)
    summary += [sentence, *about.summary]
    sections = [network, *of_edges, *about.sections]
    return Report(f"Inside a {type(model).__name__}", summary, sections, _facts())


def _has_edges(model: nn.Module) -> bool:
    try:
        kan_layers(model)
    except UsageError:
        return False
    return True


def _facts() -> dict[str, Any]:
    facts = provenance()
    versions = ", ".join(f"{name} {number}" for name, number in facts.pop("versions").items())
    return facts | {"versions": versions}


def _edge_sections(
    layers: Mapping[str, KANLayer], curves: Sequence[EdgeCurves]
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
            source, target = layer.edges[k]
            before, after = "h" if index else "x", "h" if index < len(curves) - 1 else "y"
            name = f"{layer.name}: {before}{source} to {after}{target}"
            share, good_fit = (
                f"{100 * layer.share[layer.edges[k]]:.2g} %",
                "yes" if fit.good else "no",
            )
            errors = f"{1 - fit.r2:.1e}", f"{fit.max_error:.2g}"
            rows.append([name, share, fit.formula, *errors, good_fit])
            waves = None
            # The series is one of what comes behind the input map; the curve is drawn along what comes before.
            if layer.name in spectra and layers[layer.name].input_map is None:
                waves = spectra[layer.name].harmonics(layer.edges[k], layer.x[k])
            panels.append(Harmonics(name, layer.x[k], layer.y[k], waves, fit(layer.x[k])))
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
        return edge_spectrum(layer)
    except (UsageError, CircuitError):
        return None


def _circuits(layers: Mapping[str, nn.Module]) -> list[Circuit]:
    """Return the different circuits of layers."""
    every = (getattr(layer, "circuit", None) for layer in layers.values())
    return list({each.fingerprint: each for each in every if isinstance(each, Circuit)}.values())


def _ansatz_section(circuit: Circuit) -> tuple[str, Section]:
    """Return a sentence on what a circuit can reach, and the section about it."""
    rng = np.random.default_rng(_SEED)
    pictures = [Picture.of("circuit", f"The circuit {circuit.name}.", draw(circuit, decimals=None))]
    if not circuit.weight_shapes or circuit.num_inputs > 1:
        sentence = (
            f"The circuit {circuit.name} has {circuit.num_inputs} inputs, {circuit.num_wires} wires and "
            f"{circuit.num_observables} outputs; "
            + (
                "it is run directly."
                if circuit.direct_only
                else f"{circuit.num_nodes} nodes fix its Fourier series."
            )
        )
        return sentence, Section(f"The circuit {circuit.name}", [sentence], pictures=pictures)
    variance = gradient_variance(circuit, rng=rng)
    text = [
        f"Over {variance.samples} random settings of the weights, the gradient of a weight has the variance "
        f"{variance.mean:.2g} on average and {variance.largest:.2g} for the weight that varies most."
    ]
    sentence = f"The circuit {circuit.name} has no Fourier series."
    if circuit.direct_only is None:
        degree = circuit.degrees[0]
        free = reachable_dimension(circuit)
        sentence = (
            f"The circuit {circuit.name} has {2 * degree + 1} Fourier coefficients; its weights move them in "
            f"{free} independent directions"
            + ("." if free == 2 * degree + 1 else ", so that they are tied.")
        )
        clouds = {
            circuit.name: coefficient_cloud(circuit, rng=rng),
            "free, at random": random_cloud(degree, rng=rng),
        }
        caption = (
            "Coefficients of exp(ikx) at 500 random settings of the weights (above), and those of random series that "
            "fill the same range (below). A small cloud is hard to leave: training starts in it."
        )
        pictures.append(Picture.of("cloud", caption, plot_clouds(clouds)))
    pictures += _plateau(circuit, rng)
    return sentence, Section(f"The circuit {circuit.name}", [sentence, *text], pictures=pictures)


def _plateau(circuit: Circuit, rng: np.random.Generator) -> list[Picture]:
    """Draw the gradient's variance for the whole family of a named edge; a user's own circuit has none."""
    name, options = parse_call("edge", circuit.name) if "(" in circuit.name else (circuit.name, {})
    if name not in EDGES:
        return []
    depths = _EXPONENTIAL if name == "exponential" else _DEPTHS
    wires = _WIRES if name == "entangled" else (circuit.num_wires,)

    def make(width: int, depth: int) -> Circuit:
        shape = {"wires": width} if name == "entangled" else {}
        return edge(name, **{**options, **shape, "depth": depth})

    rows = [
        [gradient_variance(make(n, d), samples=100, rng=rng).mean for d in depths] for n in wires
    ]
    table = np.array(rows)
    caption = (
        f"Variance of the gradient over random weights for {name} circuits, 100 settings each."
    )
    return [Picture.of("gradients", caption, plot_gradient_variances(table, wires, depths))]
