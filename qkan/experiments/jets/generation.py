"""A sample of jets, generated in chunks that are kept: a killed run goes on with those that are missing."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.config import at_least, setting
from qkan.data.jets import OBSERVABLES, JetSample, Process, sample_bytes
from qkan.data.jets.generate import CHUNK, PIXELS, generator_versions, make_chunk, process
from qkan.studies.run import Places, RunFolder, run_tasks
from qkan.studies.tasks import TaskError

__all__ = ["Generation", "generate_sample"]

NAME = "jets-sample"


@dataclass(frozen=True)
class Generation:
    """What to generate."""

    process: str = setting("qg", "The process: qg, top or w.")
    events: int = setting(
        1000, "Events that pass the selection, each with one jet; half are signal."
    )
    seed: int = setting(0, "Seed of the sample.")

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return the settings of every chunk by its name.

        Raises:
            UsageError: If the process is unknown, the seed negative, or there are fewer than two events.
        """
        recipe = process(self.process)
        at_least(self, events=2, seed=0)
        counts = (self.events // 2, self.events - self.events // 2)
        starts = range(0, counts[1], CHUNK)
        return {
            f"{recipe.classes[label].name}, chunk {start // CHUNK}": {
                "name": self.process,
                "label": label,
                "index": start // CHUNK,
                "jets": min(CHUNK, counts[label] - start),
                "seed": self.seed,
            }
            for start in starts
            for label in (0, 1)
            if start < counts[label]
        }


def generate_sample(config: Generation, places: Places | None = None) -> RunFolder:
    """Generate a sample and return its folder, with ``jets.npz`` and ``constituents.npz``.

    The first is what :func:`qkan.data.jets.read_sample` reads; the second has the layout of EnergyFlow's files: ``X``
    (N, M, 4) with pt, rapidity, azimuth and PDG number, and ``y``. The same settings give the same bytes, however
    many workers there are, and whether the run was interrupted or not.

    Raises:
        UsageError: If a setting is wrong or the folder is not empty; finished chunks are kept in any case.
        MissingExtraError: If a program that makes jets is not installed.
    """
    places = places or Places()
    tasks = config.tasks()
    versions = generator_versions()
    resume, new = places.resume, places.out
    folder = RunFolder.resume(resume, config) if resume else RunFolder.create(NAME, config, new)
    go_on = f"Finished chunks are kept; go on with: qkan jets generate --resume {folder.path}"
    try:
        chunks = run_tasks(
            make_chunk,
            tasks,
            folder,
            places.executor,
            places.progress,
            fields=versions,
            what="chunks of jets",
        )
        _write(config, versions, list(chunks.values()), folder)
    except (OSError, TaskError) as error:  # such as a full disk
        raise UsageError(f"{error}\n{go_on}") from error
    except KeyboardInterrupt as stop:
        stop.add_note(go_on)
        raise
    return folder


def _write(
    config: Generation,
    versions: dict[str, str],
    chunks: list[dict[str, NDArray[Any]]],
    folder: RunFolder,
) -> None:
    most = max(chunk["constituents"].shape[1] for chunk in chunks)
    padding = [((0, 0), (0, most - chunk["constituents"].shape[1]), (0, 0)) for chunk in chunks]
    particles = np.concatenate(
        [np.pad(c["constituents"], p) for c, p in zip(chunks, padding, strict=True)]
    )
    columns = {
        n: np.concatenate([c[n] for c in chunks]) for n in ("observables", "images", "labels")
    }
    order = np.random.default_rng(config.seed).permutation(len(particles))
    labels = columns["labels"][order]
    sample = JetSample(
        columns["observables"][order],
        columns["images"][order],
        labels,
        np.ones(len(labels)),
        OBSERVABLES,
        _metadata(config, process(config.process), versions),
    )
    folder.write("jets.npz", sample_bytes(sample))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, X=particles[order], y=labels)
    folder.write("constituents.npz", buffer.getvalue())


def _metadata(config: Generation, recipe: Process, versions: dict[str, str]) -> dict[str, Any]:
    return {
        "level": "particle-level simulation: no detector, no pile-up, one generator",
        "process": recipe.name,
        "signal": recipe.signal.name,
        "background": recipe.background.name,
        "card": {kind.name: list(kind.card) for kind in recipe.classes},
        "hard_quarks": {kind.name: list(kind.hard) for kind in recipe.classes if kind.hard},
        "jets": f"anti-kt, R = {recipe.radius}, the hardest of each event",
        "pt_GeV": list(recipe.pt),
        "max_abs_rapidity": recipe.rapidity,
        "image": f"{PIXELS} x {PIXELS} pixels, 255 sqrt(share of pT), 2R wide, jet axis on the middle corner",
        "recipe": recipe.source,
        "generator": versions,
        "seed": config.seed,
        "events": config.events,
        "licence": "CC0-1.0",
    }
