"""One run of the experiment, from a configuration to a folder with a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits import without_entanglement
from qkan.data import MNIST
from qkan.experiments.quanvolution.config import Config
from qkan.experiments.quanvolution.full import circuits_executed_full, train_full
from qkan.experiments.quanvolution.full_report import full_record, full_report
from qkan.experiments.quanvolution.setup import Setup, load_images
from qkan.experiments.quanvolution.small import circuits_executed, train_arms
from qkan.experiments.quanvolution.small_report import small_record, small_report
from qkan.studies.report import Record, metric_lines, write_record
from qkan.studies.run import Places, RunFolder, opened, provenance

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
    started = time.monotonic()
    with opened(NAME, config, places) as folder:
        places.progress.say(f"backend {setup.backend.name}: {setup.backend.reason or 'as asked'}")
        _run(setup, data, folder, places, started)
    return folder


def _run(setup: Setup, data: MNIST, folder: RunFolder, places: Places, started: float) -> None:
    histories: Mapping[str, Mapping[str, NDArray[np.floating]]]
    if setup.config.full:
        full = train_full(setup, data, folder, places)
        record = full_record(setup, data, full)
        sections = full_report(setup, data, full, record, folder)
        histories = full
    else:
        small = train_arms(setup, data, folder, places)
        record = small_record(setup, small)
        sections = small_report(setup, data, small, record, folder)
        histories = {arm: vars(history) for arm, history in small.items()}
    write_record(
        folder,
        Record(record["arms"], record["verdict"], sections, record["published"]),
        experiment=NAME,
        title=f"Quanvolution on {'all of' if setup.config.full else 'a few images of'} MNIST",
        config=setup.config,
        facts=_facts(setup, data),
        lines=_metric_lines(histories),
        started=started,
    )


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
) -> Iterator[dict[str, Any]]:
    """Yield one mapping for every arm, seed and epoch."""
    for arm, metrics in histories.items():
        seeds, epochs = metrics["train_loss"].shape
        curves = {name: values for name, values in metrics.items() if values.shape[1] == epochs}
        for seed in range(seeds):
            yield from metric_lines(arm, seed, {name: v[seed] for name, v in curves.items()})
