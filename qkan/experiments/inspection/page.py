"""The page about a model, or about all models of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from circuits.errors import UsageError
from qkan import models
from qkan.analysis.edges import edge_curves, kan_layers
from qkan.experiments.inspection.ansatz import ansatz_section, circuits_of
from qkan.experiments.inspection.edges import edge_sections
from qkan.plotting import plot_edge_network
from qkan.studies.report import Picture, Report, Section, Table, render_report
from qkan.studies.run import provenance
from qkan.studies.study import FOLDER

__all__ = ["checkpoints", "inspect_model", "inspect_path"]

INPUTS = "inputs.npy"
"""Some inputs of the models beside them, for which ranges and strengths are measured."""


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


def inspect_path(path: Path, inputs: NDArray[np.floating] | None = None) -> str:
    """Return one self-contained HTML page about a model's file, or about the models in the folder of a run.

    Args:
        path: A file that ``model.save`` wrote, or a folder that has such files in ``models/``.
        inputs: A batch for the models; by default ``models/inputs.npy`` of the run, if there is one.

    Raises:
        UsageError: If there is no such file, or no model in the folder.
    """
    files = checkpoints(path)
    beside = files[0].parent / INPUTS
    if inputs is None and beside.is_file():
        inputs = np.load(beside, allow_pickle=False)
    summaries, sections, skipped = [], [], []
    for file in files:
        model = models.load(file)
        if not _has_edges(model):
            skipped.append(file.stem)
            continue
        name = "" if len(files) == 1 else f"{file.stem}: "
        report = inspect_model(model, inputs)
        summaries += [name + report.summary[0], *report.summary[1:]]
        sections += [Section(name + s.title, s.text, s.table, s.pictures) for s in report.sections]
    if not sections:
        raise UsageError(
            f"no model in {path} has functions on its edges ({', '.join(skipped)}): there is nothing to look at"
        )
    if skipped:
        summaries.append(
            f"Left out, for they have no functions on their edges: {', '.join(skipped)}."
        )
    return render_report(Report(f"Inside {path.name}", summaries, sections, _facts()), "html")


def inspect_model(model: nn.Module, inputs: Any = None) -> Report:
    """Return the report about a model with functions on its edges.

    Args:
        model: Any module with KAN layers, classical or quantum.
        inputs: A batch for it, for which ranges and strengths are measured.

    Raises:
        UsageError: If the model has no KAN layer.

    Example:
        >>> import qkan
        >>> [section.title for section in inspect_model(qkan.KAN([1, 1])).sections]
        ['Network', 'Edge functions and formulas']
    """
    layers = kan_layers(model)
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
    network = Section(
        "Network",
        table=Table(["layer", "kind", "inputs", "outputs"], list(_layer_rows(layers))),
        pictures=[Picture.of("network", caption, plot_edge_network(curves))],
    )
    sentence, of_edges = edge_sections(layers, curves)
    sections = [network, *of_edges]
    summary.append(sentence)
    for circuit in circuits_of(layers):
        sentence, section = ansatz_section(circuit)
        summary.append(sentence)
        sections.append(section)
    return Report(f"Inside a {type(model).__name__}", summary, sections, _facts())


def _layer_rows(layers: dict[str, Any]) -> Iterator[list[str]]:
    for name, layer in layers.items():
        kind = type(layer).__name__
        circuit = getattr(layer, "circuit", None)
        what = kind if circuit is None else f"{kind}, {circuit.name}"
        yield [name, what, str(layer.in_features), str(layer.out_features)]


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
