"""``qkan circuits | backends | draw | export``: what circuits there are, where they run, what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from circuits.errors import MissingExtraError, UsageError, unknown_name
from circuits.store import inside
from qkan.cli.console import print_table

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit

    from circuits import Circuit

__all__ = ["backends", "circuits", "draw", "export"]

_ENDINGS = {"qiskit": ".py", "qpy": ".qpy", "qasm3": ".qasm", "qasm2": ".qasm", "png": ".png"}
_MOST_FILES = 1000


def circuits() -> None:
    """List the filters: wires, outputs, circuits that fix the Fourier series."""
    from circuits import FILTERS, quanvolutional_filter

    made = [(name, quanvolutional_filter(name)) for name in FILTERS]
    header = ["name", "wires", "outputs", "nodes", "where it comes from"]
    rows = [[n, c.num_wires, c.num_observables, c.num_nodes, c.reference] for n, c in made]
    print_table(header, rows)


def backends() -> None:
    """List the backends: what is installed, what works, and if not why."""
    from circuits.backends import backend_table

    facts = (
        "name",
        "installed",
        "usable",
        "gradient",
        "native_batching",
        "shots",
        "noise",
        "why_not",
    )
    header = ["name", "installed", "usable", "gradient", "batches", "shots", "noise", "why not"]
    print_table(header, [[getattr(row, fact) for fact in facts] for row in backend_table()])


def draw(
    name: Annotated[str, typer.Argument(help="A filter, as `qkan circuits` lists them.")],
    out: Annotated[Path | None, typer.Option(help="The file, .png or .pdf (NAME.png).")] = None,
) -> None:
    """Draw a circuit into a file."""
    from circuits import quanvolutional_filter
    from circuits.drawing import draw as draw_circuit
    from qkan.plotting import render

    path = out or Path(f"{name.replace('/', '-')}.png")
    if path.suffix not in (".png", ".pdf"):
        raise UsageError(f"expected a file that ends in .png or .pdf, got {path}")
    figure = draw_circuit(quanvolutional_filter(name))
    path.write_bytes(render(figure, "pdf" if path.suffix == ".pdf" else "png"))
    typer.echo(path)


def export(
    source: Annotated[
        str,
        typer.Argument(help="A filter or an edge by name, a model's file, or the folder of a run."),
    ],
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
) -> None:
    """Write circuits for Qiskit and others; inputs and free weights are parameters by name."""
    if format not in _ENDINGS:
        raise unknown_name("format", format, _ENDINGS)
    # Without a wish: what was trained is bound, what has only a name is free where the format allows it.
    named = format == "qasm2" if bound is None else bound
    circuits = _circuits(source, named, bound is not False, packed)
    circuits = {name: _bind(circuit, inputs, format) for name, circuit in circuits.items()}
    stem = Path(source).stem if Path(source).exists() else source.replace("/", "-")
    if format == "qpy" or len(circuits) == 1:
        target = out or Path(stem + _ENDINGS[format])
        files = {target: list(circuits.values())}
    else:
        if len(circuits) > _MOST_FILES:
            raise UsageError(
                f"{source} has {len(circuits):,} circuits, more than {_MOST_FILES:,} files; use --format qpy, which "
                "holds them all in one, or --packed"
            )
        folder = out or Path(stem)
        files = {inside(folder, name + _ENDINGS[format]): [one] for name, one in circuits.items()}
    for path, several in files.items():
        content = _content(several, format)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        typer.echo(path)


def _circuits(source: str, bound: bool, trained: bool, packed: bool) -> dict[str, QuantumCircuit]:
    """Return the circuits of a name, with weights bound or not, or of models, as trained or not."""
    path = Path(source)
    named = _circuit_of_run(path)
    if path.exists() and named is None:
        from qkan.experiments.inspect import checkpoints
        from qkan.layers.export import quantum_circuits
        from qkan.models import load

        files = checkpoints(path)
        return {
            f"{file.stem}.{name}" if len(files) > 1 else name: circuit
            for file in files
            for name, circuit in quantum_circuits(load(file), bound=trained, packed=packed).items()
        }
    from circuits import to_qiskit

    made = _named(named or source)
    return {made.name.replace("/", "-"): to_qiskit(made, {} if bound else None)}


def _circuit_of_run(path: Path) -> str | None:
    """Return the circuit that a run's settings name, if the run kept no models."""
    import tomllib

    settings, models = path / "config.toml", path / "models"
    if not settings.is_file() or models.is_dir():
        return None
    name = tomllib.loads(settings.read_text(encoding="utf-8")).get("circuit")
    return name if isinstance(name, str) else None


def _named(name: str) -> Circuit:
    from circuits import EDGES, FILTERS, edge, quanvolutional_filter

    key = name.partition("(")[0].partition("/")[0].strip()
    if key in EDGES:
        return edge(name)
    if key in FILTERS:
        return quanvolutional_filter(name)
    raise unknown_name("circuit, file or folder", name, [*FILTERS, *EDGES])


def _bind(circuit: QuantumCircuit, inputs: str | None, format: str) -> QuantumCircuit:
    """Give the inputs their values, in the order of their numbers."""
    names = {p.name for p in circuit.parameters if p.name.startswith("inputs_")}
    if inputs is not None:
        try:
            values = {f"inputs_{k}": float(text) for k, text in enumerate(inputs.split(","))}
        except ValueError as error:
            raise UsageError(
                f"expected inputs as numbers, such as 0,0.5, got {inputs!r}"
            ) from error
        missing = sorted(names - values.keys())
        if missing:
            raise UsageError(f"--inputs {inputs} gives no value to {', '.join(missing)}")
        circuit = circuit.assign_parameters({k: v for k, v in values.items() if k in names})
    if format == "qasm2" and circuit.num_parameters:
        free = ", ".join(p.name for p in circuit.parameters)
        raise UsageError(
            f"OpenQASM 2 knows no parameters, and {free} have no value: give --inputs, and --bound weights"
        )
    return circuit


def _content(circuits: list[QuantumCircuit], format: str) -> bytes:
    from qiskit import qasm2, qasm3

    from circuits.formats import to_python, to_qpy

    (circuit, *_) = circuits
    if format == "qpy":
        return to_qpy(circuits)
    if format == "png":
        return _picture(circuit)
    text = {"qiskit": to_python, "qasm3": qasm3.dumps, "qasm2": qasm2.dumps}[format](circuit)
    return str(text).encode()


def _picture(circuit: QuantumCircuit) -> bytes:
    from importlib.util import find_spec

    from qkan.plotting import render

    if find_spec("pylatexenc") is None:
        raise MissingExtraError('pictures need pylatexenc; pip install "hybrid-qkan[hardware]"')
    return render(circuit.draw("mpl", fold=-1), "png")
