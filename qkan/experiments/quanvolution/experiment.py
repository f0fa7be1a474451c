"""One run of the experiment, from a configuration to a folder with a report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits import without_entanglement
from qkan.config import as_mapping
from qkan.data import MNIST
from qkan.experiments.places import Places
from qkan.experiments.provenance import provenance
from qkan.experiments.quanvolution.config import Config
from qkan.experiments.quanvolution.full import circuits_executed_full, train_full
from qkan.experiments.quanvolution.full_report import full_record, full_report
from qkan.experiments.quanvolution.setup import Setup, load_images
from qkan.experiments.quanvolution.small import circuits_executed, train_arms
from qkan.experiments.quanvolution.small_report import small_record, small_report
from qkan.experiments.report import Report, write_report
from qkan.experiments.run_folder import RunFolder

__all__ = ["run"]

NAME = "quanvolution"


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment and return the folder with its results, figures and reports.

    Everything that can be wrong with the settings is found before the folder is made. An
    interrupted run is continued by the same settings with ``Places(resume=FOLDER)``.

    Args:
        config: What to run.
        places: Where to read and write.

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     places = Places(out=Path(folder) / "run", cache_dir=Path(folder) / "cache")
        ...     done = run(Config(seeds=2, epochs=1), places)
        ...     sorted(json.loads((done.path / "results.json").read_text()))
        ['arms', 'config', 'experiment', 'provenance', 'published', 'verdict']
    """
    places = places or Places()
    config = config.settled()
    setup = Setup.of(config, places)
    data = load_images(config, places.data_dir)
    folder = (
        RunFolder.resume(places.resume, config)
        if places.resume
        else RunFolder.create(NAME, config, places.out)
    )
    places.progress.say(f"backend {setup.backend.name}: {setup.backend.reason or 'as asked'}")
    started = time.monotonic()
    try:
        _run(setup, data, folder, places, started)
    except KeyboardInterrupt as stop:
        stop.add_note(f"Continue with: qkan reproduce {NAME} --resume {folder.path}")
        raise
    return folder


def _run(setup: Setup, data: MNIST, folder: RunFolder, places: Places, started: float) -> None:
    histories: Mapping[str, Mapping[str, NDArray[np.floating]]]
    if setup.config.full:
        full = train_full(setup, data, folder, places)
        record = full_record(setup, data, full)
        summary, sections = full_report(setup, data, full, record, folder)
        histories = full
    else:
        small = train_arms(setup, data, folder, places)
        record = small_record(setup, small)
        summary, sections = small_report(setup, data, small, record, folder)
        histories = {arm: vars(history) for arm, history in small.items()}
    facts = _facts(setup, data) | {"duration_s": round(time.monotonic() - started, 1)}
    result = {"experiment": NAME, "config": as_mapping(setup.config), "provenance": facts}
    folder.write("metrics.jsonl", "".join(_metric_lines(histories)))
    title = f"Quanvolution on {'all of' if setup.config.full else 'a few images of'} MNIST"
    write_report(folder, Report(title, summary, sections, _flat(result)))
    # Last, for it says that the run is complete.
    folder.write_json("results.json", result | record)


def _facts(setup: Setup, data: MNIST) -> dict[str, Any]:
    circuit, backend = setup.circuit, setup.backend
    return provenance() | {
        "seeds": list(range(setup.config.seeds or 0)),
        "backend": {**backend.key, "reason": backend.reason},
        "circuit": {
            "name": circuit.name,
            "fingerprint": circuit.fingerprint,
            "control": without_entanglement(circuit).fingerprint,
        },
        "circuits_executed": circuits_executed_full(setup)
        if setup.config.full
        else circuits_executed(setup, data),
        "data": {"source": data.source, "sha256": data.sha256},
    }


def _metric_lines(
    histories: Mapping[str, Mapping[str, NDArray[np.floating]]],
) -> Iterator[str]:
    """Yield one JSON line for every arm, seed and epoch."""
    for arm, metrics in histories.items():
        seeds, epochs = metrics["train_loss"].shape
        curves = {name: values for name, values in metrics.items() if values.shape[1] == epochs}
        for seed in range(seeds):
            for epoch in range(epochs):
                values = {name: float(curve[seed, epoch]) for name, curve in curves.items()}
                line = {"arm": arm, "seed": seed, "epoch": epoch + 1, **values}
                yield json.dumps(line, allow_nan=False) + "\n"


def _flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return configuration and provenance as one table for the report."""
    rows: dict[str, Any] = {f"config: {k}": v for k, v in result["config"].items()}
    for name, value in result["provenance"].items():
        if isinstance(value, dict):
            rows[name] = ", ".join(f"{k} {v}" for k, v in value.items() if v not in (None, ""))
        elif isinstance(value, list):
            rows[name] = f"{value[0]} to {value[-1]}"
        else:
            rows[name] = value
    return rows
