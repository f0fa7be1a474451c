"""Readers, on small files of the published layouts."""

from pathlib import Path

import awkward
import h5py
import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents
from qkan.data.jets.readers import ecal, energyflow, from_awkward, hls4ml, top_tagging

LABELS = np.array([1, 0, 0, 1, 1])


def write_energyflow(path: Path, particles: np.ndarray, **other: np.ndarray) -> Path:
    np.savez_compressed(path, **({"X": particles, "y": LABELS.astype(float)} | other))
    return path


def write_top_tagging(path: Path, jets: Constituents) -> Path:
    momenta = np.zeros((len(jets), 201, 4), np.float32)
    momenta[:, : jets.pt.shape[1]] = jets.momenta
    momenta[:, 200] = 7.0  # the top quark's own momentum, which is no particle's
    kind = [("index", "<i8"), ("values_block_0", "<f4", (804,)), ("values_block_1", "<i8", (2,))]
    table = np.zeros(len(jets), kind)
    table["values_block_0"] = momenta.reshape(len(jets), 804)
    table["values_block_1"] = np.stack([np.full(5, 2), LABELS], axis=1)
    with h5py.File(path, "w") as file:
        file.create_group("table").create_dataset("table", data=table)
    return path


def write_hls4ml(path: Path, jets: Constituents) -> Path:
    particle = ["j1_px", "j1_py", "j1_pz", "j1_e", "j1_erel", "j1_pt"]
    feature = ["j_pt", "j_g", "j_q", "j_w", "j_z", "j_t", "j_undef"]
    listed = np.zeros((len(jets), 30, 6))
    listed[:, : jets.pt.shape[1], :4] = jets.momenta[..., [1, 2, 3, 0]]
    table = np.zeros((len(jets), 7))
    table[np.arange(5), 1 + np.array([0, 1, 2, 3, 4])] = 1
    with h5py.File(path, "w") as file:
        file["jets"], file["jetConstituentList"] = table, listed
        file["jetFeatureNames"] = np.array(feature, dtype="S")
        file["particleFeatureNames"] = np.array(particle, dtype="S")
    return path


def test_energyflow(tmp_path: Path, particles: np.ndarray) -> None:
    jets, labels = energyflow(write_energyflow(tmp_path / "QG.npz", particles))
    assert np.array_equal(labels, LABELS)
    assert np.array_equal(jets.pt, particles[..., 0])
    assert np.array_equal(jets.pid, particles[..., 3])
    first, one = energyflow(tmp_path / "QG.npz", limit=1)
    assert len(first) == len(one) == 1


@pytest.mark.parametrize(
    ("write", "read"), [(write_top_tagging, top_tagging), (write_hls4ml, hls4ml)]
)
def test_files_of_four_momenta(tmp_path: Path, jets: Constituents, write, read) -> None:  # type: ignore[no-untyped-def]
    found, labels = read(write(tmp_path / "jets.h5", jets))
    most = jets.pt.shape[1]
    assert np.allclose(found.pt[:, :most], jets.pt, rtol=1e-5)
    assert np.allclose(found.y[:, :most], jets.y, atol=1e-5)
    assert not found.pt[:, most:].any()
    assert labels.tolist() == (LABELS.tolist() if read is top_tagging else [0, 1, 2, 3, 4])
    assert len(read(tmp_path / "jets.h5", limit=2)[0]) == 2


def test_ecal(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).random((3, 32, 32, 2), dtype=np.float32)
    with h5py.File(tmp_path / "e.hdf5", "w") as file:
        file["X"], file["y"] = pixels, np.array([1.0, 0.0, 1.0])
    images, labels = ecal(tmp_path / "e.hdf5")
    assert images.shape == (3, 2, 32, 32)
    assert np.array_equal(images[1, 1], pixels[1, :, :, 1])
    assert labels.tolist() == [1, 0, 1]


def test_awkward_momenta_with_vector_and_without(jets: Constituents) -> None:
    import vector

    ragged = awkward.from_regular(jets.momenta)
    counts = jets.there.sum(axis=1)
    rows = [ragged[i][:c] for i, c in enumerate(counts)]
    plain = awkward.Array(
        [[dict(zip(("E", "px", "py", "pz"), p, strict=True)) for p in r.to_list()] for r in rows]
    )
    for array in (
        plain,
        awkward.with_name(plain, "Momentum4D", behavior=vector.backends.awkward.behavior),
    ):
        found = from_awkward(array)
        assert np.allclose(found.pt, jets.pt)
        assert np.allclose(found.y, jets.y)


def test_missing_damaged_and_truncated_files_are_named(tmp_path: Path, particles, jets) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "broken").write_bytes(b"PK\x03\x04 but no more")
    for read in (energyflow, top_tagging, hls4ml, ecal):
        with pytest.raises(UsageError, match=r"no file .*absent.*doi.org/10\."):
            read(tmp_path / "absent")
        with pytest.raises(UsageError, match="truncated or no"):
            read(tmp_path / "broken")
    for read, file in (
        (energyflow, write_energyflow(tmp_path / "QG.npz", particles)),
        (hls4ml, write_hls4ml(tmp_path / "jets.h5", jets)),
    ):
        file.write_bytes(file.read_bytes()[:-200])
        with pytest.raises(UsageError, match="truncated"):
            read(file)


def test_a_published_name_needs_the_published_content(
    tmp_path: Path, particles: np.ndarray
) -> None:
    with pytest.raises(
        UsageError, match=r"MD5 is .* published is f5d052f10a79c6e8b9382637aca0ef52"
    ):
        energyflow(write_energyflow(tmp_path / "QG_jets.npz", particles))


def test_other_layouts_are_refused(tmp_path: Path, particles: np.ndarray) -> None:
    with pytest.raises(UsageError, match="has 5 jets but 3 labels"):
        energyflow(write_energyflow(tmp_path / "a.npz", particles, y=np.zeros(3)))
    np.savez(tmp_path / "b.npz", Z=particles)
    with pytest.raises(UsageError, match="has no X, y; it has Z"):
        energyflow(tmp_path / "b.npz")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["X"], file["y"] = np.zeros((2, 8, 8, 2)), np.zeros(2)
    with pytest.raises(UsageError, match=r"expected images \(N, 32, 32, 2\)"):
        ecal(tmp_path / "c.h5")
    with pytest.raises(UsageError, match="has no jets"):
        hls4ml(tmp_path / "c.h5")
    with pytest.raises(UsageError, match="fields E, px"):
        from_awkward(awkward.Array([[{"a": 1.0}]]))


def test_nothing_pickled_is_loaded(tmp_path: Path, particles: np.ndarray) -> None:
    np.savez(tmp_path / "evil.npz", X=np.array([{"code": 1}], dtype=object), y=LABELS)
    with pytest.raises(UsageError, match=r"evil\.npz"):
        energyflow(tmp_path / "evil.npz")
