"""``qkan circuits | backends | draw | export``: what circuits there are, where they run, what they look like.

What a command is given is a filter or an edge by name, the file of a model, or the folder of a run (:func:`found`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from circuits.errors import MissingExtraError, UsageError, unknown_name
from qkan.cli.console import print_table

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from torch import nn

    from circuits import Circuit

__all__ = [
    "Source",
    "backends",
    "circuit_of_run",
    "circuits",
    "circuits_of",
    "draw",
    "export",
    "found",
    "stem",
]

_ENDINGS = {"qiskit": ".py", "qpy": ".qpy", "qasm3": ".qasm", "qasm2": ".qasm", "png": ".png"}
_MOST_FILES = 1000

Source = Annotated[
    str,
    typer.Argument(
        help="A filter or an edge, such as demo or 'pz(depth=3)' (qkan circuits lists them), a model's file, or the "
        "folder of a run.",
        show_default=False,
    ),
]


def circuits() -> None:
    """List the circuits, filters and edges: wires, weights, circuits that fix the Fourier series."""
    from circuits import EDGES, FILTERS, edge, quanvolutional_filter

    made = [("filter", name, quanvolutional_filter(name)) for name in FILTERS]
    made += [("edge", name, edge(name)) for name in EDGES]
    header = ["kind", "name", "inputs", "wires", "outputs", "nodes", "where it comes from"]
    rows = []
    for kind, name, c in made:
        nodes = "" if c.direct_only else c.num_nodes
        rows.append([kind, name, c.num_inputs, c.num_wires, c.num_observables, nodes, c.reference])
    print_table(header, rows)


def backends() -> None:
    """List the backends: what is installed, what works, and if not why."""
    from circuits.backends import backend_table

    facts = {
        "name": "name",
        "installed": "installed",
        "usable": "usable",
        "gradient": "gradient",
        "batches": "native_batching",
        "shots": "shots",
        "noise": "noise",
        "why not": "why_not",
    }
    rows = [[getattr(row, fact) for fact in facts.values()] for row in backend_table()]
    print_table(list(facts), rows)


def found(source: str) -> dict[str, Circuit | nn.Module]:
    """Return what a source stands for, by name: the circuit, or the model in a file, or those of a run.

    Raises:
        UsageError: If it is no circuit's name and no file or folder with models, nor a run whose settings name a
            circuit.
    """
    from circuits import EDGES, FILTERS, edge, quanvolutional_filter

    path = Path(source)
    if path.exists():
        name = circuit_of_run(path)
        if name is None:
            from qkan.experiments.inspect import checkpoints
            from qkan.models import load

            return {file.stem: load(file) for file in checkpoints(path)}
        source = name
    key = source.partition("(")[0].partition("/")[0].strip()
    if key not in {*EDGES, *FILTERS}:
        raise unknown_name("circuit, file or folder", source, [*FILTERS, *EDGES])
    made = edge(source) if key in EDGES else quanvolutional_filter(source)
    return {made.name.replace("/", "-"): made}


def circuits_of(source: str) -> dict[str, tuple[Circuit, int]]:
    """Return the circuits of a source by name, and how often a model's layer has each, once an edge.

    Raises:
        UsageError: If its models have none, or as :func:`found` says.
    """
    from circuits import Circuit
    from qkan.layers.quantum import QuantumLayer
    from qkan.layers.quantum_kan import QuantumKANLayer

    circuits: dict[str, tuple[Circuit, int]] = {}
    models = found(source)
    for name, each in models.items():
        if isinstance(each, Circuit):
            return {name: (each, 1)}
        for place, layer in each.named_modules():
            if isinstance(layer, QuantumLayer | QuantumKANLayer):
                on_edges = isinstance(layer, QuantumKANLayer)
                edges = layer.in_features * layer.out_features if on_edges else 1
                label = f"{name}.{place}" if len(models) > 1 else place or name
                circuits[label] = (layer.circuit, edges)
    if not circuits:
        raise UsageError(f"no model in {source} has a quantum layer")
    return circuits


def circuit_of_run(path: Path) -> str | None:
    """Return the circuit that a run's settings name, if the run kept no models."""
    import tomllib

    from qkan.config import read_text

    settings = path / "config.toml"
    if not settings.is_file() or (path / "models").is_dir():
        return None
    try:
        name = tomllib.loads(read_text(settings)).get("circuit")
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{settings} is not valid TOML: {error}") from error
    return name if isinstance(name, str) else None


def draw(
    source: Source,
    out: Annotated[
        Path | None,
        typer.Option(help="The file, .png or .pdf (NAME.png), or the folder for several."),
    ] = None,
) -> None:
    """Draw a circuit, or the different ones of a model, into files."""
    from circuits.drawing import draw as draw_circuit
    from qkan.plotting import render

    circuits = circuits_of(source)
    different = {circuit.fingerprint: name for name, (circuit, _) in circuits.items()}
    chosen = {name: circuits[name][0] for name in different.values()}
    for path, name in _files(source, out, list(chosen), ".png", {".png", ".pdf"}).items():
        figure = draw_circuit(chosen[name])
        _write(path, render(figure, "pdf" if path.suffix == ".pdf" else "png"))


def export(
    source: Source,
    format: Annotated[str, typer.Option(help=f"{', '.join(_ENDINGS)}.")] = "qasm3",
    out: Annotated[
        Path | None, typer.Option(help="The file, or the folder where there are several circuits.")
    ] = None,
    bound: Annotated[
        bool | None,
        typer.Option(
            "--bound/--free",
            help="Whether weights have values: by default those of trained models, and for qasm2.",
            show_default=False,
        ),
    ] = None,
    packed: Annotated[bool, typer.Option(help="All edges of a layer in one circuit.")] = False,
    inputs: Annotated[
        str | None, typer.Option(help="Values of the inputs, such as 0,0.5; qasm2 needs them.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights of a named circuit: a .npz file of arrays by their names."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Or random weights, from a seed.")] = None,
) -> None:
    """Write circuits for Qiskit and others; inputs and free weights are parameters by name."""
    if format not in _ENDINGS:
        raise unknown_name("format", format, _ENDINGS)
    if weights is not None and seed is not None:
        raise UsageError("expected --weights FILE or --seed N, got both")
    from qkan.progress import Progress

    given = weights is not None or seed is not None
    # Without a wish: what was trained or given is bound, what has only a name is free where the format allows it.
    named = (given or format == "qasm2") if bound is None else bound
    with Progress.on_stderr().task("export"):
        made = dict(_qiskit(source, named, bound is not False, packed, weights, seed))
        circuits = _bind(made, inputs, format)
        if format == "qpy":  # one file for all
            files = {out or Path(stem(source) + ".qpy"): list(circuits.values())}
        else:
            places = _files(source, out, list(circuits), _ENDINGS[format])
            files = {path: [circuits[name]] for path, name in places.items()}
        for path, several in files.items():
            _write(path, _content(several, format))


def _qiskit(
    source: str, bound: bool, trained: bool, packed: bool, weights: Path | None, seed: int | None
) -> Iterator[tuple[str, QuantumCircuit]]:
    """Yield the circuits of a name, with weights bound or not, or of models, as trained or not."""
    from circuits import Circuit, to_qiskit
    from qkan.layers.export import quantum_circuits

    sources, empty = found(source), []
    for stem, each in sources.items():
        if isinstance(each, Circuit):
            values = _weights(each, weights, seed)
            yield stem, to_qiskit(each, values if bound else None)
            return
        if weights is not None or seed is not None:
            raise UsageError(f"{source} holds trained weights: leave --weights and --seed out")
        try:
            circuits = quantum_circuits(each, bound=trained, packed=packed)
        except UsageError:
            empty.append(stem)
            continue
        for name, circuit in circuits.items():
            yield (f"{stem}.{name}" if len(sources) > 1 else name), circuit
    if len(empty) == len(sources):
        raise UsageError(f"no model in {source} has a quantum layer to export")
    if empty:
        typer.echo(f"Left out, for they have no quantum layer: {', '.join(empty)}.", err=True)


def _weights(circuit: Circuit, file: Path | None, seed: int | None) -> dict[str, Any]:
    import numpy as np

    if seed is not None:
        return circuit.random_weights(np.random.default_rng(seed))
    if file is None:
        return {}
    from qkan.studies.sweep_config import read_arrays

    return circuit.check_weights(read_arrays(file))


def stem(source: str) -> str:
    """Return what files are called that are made of a source."""
    path = Path(source)
    return path.resolve().stem if path.exists() else source.replace("/", "-")


def _files(
    source: str, out: Path | None, names: list[str], ending: str, allowed: set[str] | None = None
) -> Mapping[Path, str]:
    """Return where each of these goes: one to the file, several into the folder that was named.

    Raises:
        UsageError: If there are too many, or a name is not one of a file like these.
    """
    if len(names) == 1:
        path = out or Path(stem(source) + ending)
        if allowed and path.suffix not in allowed:
            raise UsageError(
                f"expected a file that ends in {' or '.join(sorted(allowed))}, got {path}"
            )
        return {path: names[0]}
    if len(names) > _MOST_FILES:
        raise UsageError(
            f"{source} has {len(names):,} circuits, more than {_MOST_FILES:,} files; use --format qpy, which "
            "holds them all in one, or --packed"
        )
    from circuits.store import inside

    folder = out or Path(stem(source))
    return {inside(folder, name.replace("/", "-") + ending): name for name in names}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    typer.echo(path)


def _bind(
    circuits: Mapping[str, QuantumCircuit], inputs: str | None, format: str
) -> dict[str, QuantumCircuit]:
    """Give the inputs their values, in the order of their numbers."""
    values: dict[str, float] = {}
    if inputs is not None:
        expected = sorted(
            {n for c in circuits.values() for n in _inputs(c)}, key=lambda n: int(n[7:])
        )
        try:
            numbers = [float(text) for text in inputs.split(",")]
        except ValueError:
            numbers = []
        if not numbers or not all(map(math.isfinite, numbers)):
            raise UsageError(f"expected inputs as finite numbers, such as 0,0.5, got {inputs!r}")
        values = {f"inputs_{k}": number for k, number in enumerate(numbers)}
        if missing := [name for name in expected if name not in values]:
            raise UsageError(f"--inputs {inputs} gives no value to {', '.join(missing)}")
        if len(values) > len(expected):
            raise UsageError(f"expected {len(expected)} inputs, got {len(values)}: {inputs}")
    bound = {}
    for name, each in circuits.items():
        circuit = each.assign_parameters({n: values[n] for n in _inputs(each)}) if values else each
        if format == "qasm2" and circuit.num_parameters:
            free = ", ".join(p.name for p in circuit.parameters)
            raise UsageError(
                f"OpenQASM 2 knows no parameters, and {free} have no value: give --inputs, and --bound weights"
            )
        bound[name] = circuit
    return bound


def _inputs(circuit: QuantumCircuit) -> set[str]:
    return {p.name for p in circuit.parameters if p.name.startswith("inputs_")}


def _content(circuits: list[QuantumCircuit], format: str) -> bytes:
    from importlib.util import find_spec

    from circuits.formats import dump_qasm2, dump_qasm3, to_python, to_qpy
    from qkan.plotting import render

    (circuit, *_) = circuits
    if format == "qpy":
        return to_qpy(circuits)
    if format == "png":
        if find_spec("pylatexenc") is None:
            raise MissingExtraError('pictures need pylatexenc; pip install "hybrid-qkan[hardware]"')
        return render(circuit.draw("mpl", fold=-1), "png")
    dump = {"qiskit": to_python, "qasm3": dump_qasm3, "qasm2": dump_qasm2}[format]
    return dump(circuit).encode()
