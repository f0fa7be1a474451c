"""The sample inside the package: what it says of itself, physics that it must show, files that are refused."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets import OBSERVABLES, JetSample, quark_gluon, read_sample, sample_bytes
from qkan.experiments.jets.metrics import roc


@pytest.fixture(scope="module")
def sample() -> JetSample:
    return quark_gluon()


def test_it_is_what_it_says(sample: JetSample) -> None:
    assert len(sample) == sample.metadata["events"] == 10_000
    assert sample.labels.sum() == 5_000
    parts = [sample.part(name) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [6000, 1000, 3000]
    assert np.array_equal(np.concatenate([p.observables for p in parts]), sample.observables)
    assert len(np.unique(sample.observables, axis=0)) == 10_000
    assert all(0.45 < part.labels.mean() < 0.55 for part in parts)
    assert sample.names == OBSERVABLES
    assert sample.images.shape == (10_000, 1, 18, 18)
    assert sample.metadata["licence"] == "CC0-1.0"
    assert set(sample.metadata["generator"]) == {"pythia8mc", "fastjet", "awkward"}
    assert any("14000" in setting for setting in sample.metadata["card"]["quark"])


def test_gluons_have_more_particles_and_wider_jets(sample: JetSample) -> None:
    """Casimir scaling: C_A / C_F = 9 / 4, of which particle level and one generator leave less."""
    quark, gluon = (sample.observables[sample.labels == k].mean(axis=0) for k in (1, 0))
    ratio = dict(zip(sample.names, gluon / quark, strict=True))
    assert 1.2 < ratio["multiplicity"] < 9 / 4
    assert 1.0 < ratio["width"] < 9 / 4
    assert ratio["ptd"] < 1
    assert ratio["z_max"] < 1


def test_multiplicity_alone_tags_as_it_should(sample: JetSample) -> None:
    assert 0.82 < roc(-sample.inputs("multiplicity")[:, 0], sample.labels).auc < 0.86


def test_images_hold_the_same_jets(sample: JetSample) -> None:
    """The brightest pixel holds at least the hardest particle, but for those outside and the rounding."""
    squared = (sample.images / 255.0) ** 2
    assert (squared.max(axis=(1, 2, 3)) > sample.inputs("z_max")[:, 0] - 0.01).mean() > 0.99
    lit = (sample.images > 0).sum(axis=(1, 2, 3))
    assert (lit <= sample.inputs("multiplicity")[:, 0]).all()


def test_files_round_trip_with_negative_weights(tmp_path, sample: JetSample) -> None:  # type: ignore[no-untyped-def]
    some = replace(sample[:20], weights=np.where(np.arange(20) % 5, 1.0, -0.5))
    assert sample_bytes(some) == sample_bytes(some)
    (tmp_path / "jets.npz").write_bytes(sample_bytes(some))
    again = read_sample(tmp_path / "jets.npz")
    assert np.array_equal(again.weights, some.weights)
    assert np.array_equal(again.observables, some.observables)
    assert again.metadata == json.loads(json.dumps(dict(some.metadata)))


def test_damaged_files_and_wrong_arrays_are_refused(tmp_path, sample: JetSample) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "jets.npz"
    with pytest.raises(UsageError, match="cannot be read"):
        read_sample(path)
    path.write_bytes(sample_bytes(sample[:20])[:-100])
    with pytest.raises(UsageError, match="truncated, damaged or no npz"):
        read_sample(path)
    np.savez(path, observables=np.zeros(3))
    with pytest.raises(UsageError, match="has no images, labels"):
        read_sample(path)
    with np.load(io.BytesIO(sample_bytes(sample[:20]))) as file:
        arrays = dict(file)
    for change, message in (
        ({"labels": np.full(20, 0.5)}, "expected labels"),
        ({"metadata": np.array("{")}, "no JSON"),
        ({"metadata": np.array("[]")}, "no mapping"),
        ({"images": arrays["images"][:, 0]}, "expected images"),
        ({"observables": np.full((20, 12), "a")}, "expected numbers in observables"),
        ({"weights": np.ones((20, 1))}, "weights"),
        ({"names": np.array("width")}, "expected observables of shape"),
    ):
        np.savez(path, **arrays | change)
        with pytest.raises(UsageError, match=message):
            read_sample(path)
    with pytest.raises(UsageError, match="20, 20, 19 and 20"):
        replace(sample[:20], labels=sample.labels[:19])
    wrong = sample.observables[:20].copy()
    wrong[3, 4] = np.nan
    with pytest.raises(UsageError, match="first width of jet 3"):
        replace(sample[:20], observables=wrong)
    with pytest.raises(UsageError, match="labels must be 1"):
        replace(sample[:20], labels=np.full(20, 2))
    with pytest.raises(UsageError, match="unknown observable 'mass'"):
        sample.inputs("mass")
    with pytest.raises(UsageError, match="unknown part"):
        sample.part("dev")
