"""Samples in chunks: the same bytes whatever happened on the way, and nothing lost."""

from pathlib import Path

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets import read_sample
from qkan.data.jets.readers import energyflow
from qkan.experiments.jets import generation
from qkan.experiments.jets.generation import Generation, generate_sample
from qkan.studies.run import Places


class Drawn:
    """Makes chunks out of random numbers instead of events; notes each one in a file."""

    def __init__(self, notes: Path, stop_at: int | None = None) -> None:
        self.notes, self.stop_at = notes, stop_at

    def __call__(
        self, name: str, label: int, index: int, jets: int, seed: int
    ) -> dict[str, np.ndarray]:
        if index == self.stop_at:
            raise OSError(28, "No space left on device")
        with self.notes.open("a") as file:
            file.write(f"{label}-{index}\n")
        rng = np.random.default_rng([seed, label, index])
        most = 3 + index
        particles = np.zeros((jets, most, 4), np.float32)
        particles[..., 0], particles[..., 3] = rng.uniform(1, 9, (jets, most)), 211
        return {
            "constituents": particles,
            "observables": rng.random((jets, 12), dtype=np.float32),
            "images": rng.integers(0, 255, (jets, 1, 18, 18), dtype=np.uint8),
            "labels": np.full(jets, label, np.int64),
        }


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generation, "make_chunk", Drawn(tmp_path / "notes"))
    return tmp_path / "notes"


def test_the_sample_and_its_constituents_are_readable(tmp_path: Path, notes: Path) -> None:
    folder = generate_sample(Generation(events=350, seed=3), Places(out=tmp_path / "a"))
    sample = read_sample(folder.path / "jets.npz")
    assert len(sample) == 350
    assert sample.labels.sum() == 175
    jets, labels = energyflow(folder.path / "constituents.npz")
    assert np.array_equal(labels, sample.labels)
    assert len(jets) == 350
    assert sorted(notes.read_text().split()) == ["0-0", "0-1", "1-0", "1-1"]


def test_a_full_disk_loses_no_chunk_and_changes_no_byte(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Generation(events=500, seed=1)
    whole = generate_sample(config, Places(out=tmp_path / "whole"))
    notes.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(generation, "make_chunk", Drawn(notes, stop_at=1))
        with pytest.raises(UsageError, match="No space left on device"):
            generate_sample(config, Places(out=tmp_path / "part"))
    again = generate_sample(config, Places(resume=tmp_path / "part"))
    done = notes.read_text().split()
    assert sorted(done) == sorted({*done}) == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
    for name in ("jets.npz", "constituents.npz"):
        assert (again.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_wrong_wishes_are_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    for wrong, message in (
        (Generation(process="qgg"), "unknown process"),
        (Generation(events=1), "events to be 2 or more"),
        (Generation(seed=-1), "seed to be 0 or more"),
    ):
        with pytest.raises(UsageError, match=message):
            generate_sample(wrong, Places(out=tmp_path / "none"))
    assert not (tmp_path / "none").exists()
