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
        with pytest.raises(UsageError, match="truncated"):
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


def changed(path: Path, name: str, value: object, jets: Constituents) -> Path:
    """Write a published layout, with one data set replaced."""
    write = (
        write_hls4ml
        if name in ("jets", "jetConstituentList", "jetFeatureNames")
        else write_top_tagging
    )
    with h5py.File(write(path, jets), "r+") as file:
        del file[name]
        if value is None:
            file.create_group(name)
        else:
            file[name] = value
    return path


ONE_HOT = np.eye(7)[1 + np.arange(5)]
FLOATS = [("values_block_0", "<f4", (800,)), ("values_block_1", "<f8", (1,))]


@pytest.mark.parametrize(
    ("read", "name", "value", "message"),
    [
        (hls4ml, "jets", ONE_HOT / 2 + np.roll(ONE_HOT, 1, 0) / 2, "none of the classes"),
        (hls4ml, "jets", ONE_HOT[:, :4], "more names of columns"),
        (hls4ml, "jets", ONE_HOT[0], "5 labels|but 7|expected jets"),
        (hls4ml, "jets", None, "has no jets"),
        (hls4ml, "jets", np.full((5, 7), b"a"), "expected numbers"),
        (hls4ml, "jetConstituentList", np.zeros((5, 30)), "expected jets"),
        (hls4ml, "jetConstituentList", np.full((5, 3, 6), np.nan), "NaN or infinite"),
        (hls4ml, "jetConstituentList", np.zeros((5, 3, 6)), "have no constituents"),
        (top_tagging, "table/table", np.full((5, 2), 1.0), "values_block_0"),
        (top_tagging, "table/table", np.zeros(0, FLOATS), "no jets|expected labels"),
        (top_tagging, "table", None, "has no table/table"),
    ],
)
def test_wrong_content_is_refused(tmp_path, jets, read, name, value, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=message):
        read(changed(tmp_path / "a.h5", name, value, jets))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 2, 1, 0]),
        np.array([0, 1, np.nan, 1, 0]),
        np.full(5, 0.5),
        np.eye(5),
        np.full(5, "q"),
    ],
)
def test_labels_other_than_0_and_1_are_refused(tmp_path: Path, particles, labels) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="expected labels"):
        energyflow(write_energyflow(tmp_path / "a.npz", particles, y=labels))
    with h5py.File(tmp_path / "e.hdf5", "w") as file:
        file["X"], file["y"] = (
            np.zeros((5, 32, 32, 2)),
            labels.astype("S" if labels.dtype.kind == "U" else labels.dtype),
        )
    with pytest.raises(UsageError, match="expected labels"):
        ecal(tmp_path / "e.hdf5")


def test_any_byte_may_be_wrong_and_no_other_error_comes(tmp_path: Path, particles, jets) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    for read, file in (
        (energyflow, write_energyflow(tmp_path / "a.npz", particles)),
        (hls4ml, write_hls4ml(tmp_path / "a.h5", jets)),
    ):
        whole = file.read_bytes()
        for _ in range(60):
            content = bytearray(whole)
            for place in rng.integers(0, len(whole), 3):
                content[place] ^= 1 << int(rng.integers(8))
            file.write_bytes(
                content[: None if rng.random() < 0.7 else int(rng.integers(len(whole)))]
            )
            try:
                read(file)
            except UsageError:
                continue


def test_the_order_of_the_particles_does_not_matter(particles: np.ndarray) -> None:
    from qkan.data.jets import images, observables

    shuffled = particles[:, np.random.default_rng(1).permutation(particles.shape[1])]
    one, other = Constituents.of(particles), Constituents.of(shuffled)
    np.testing.assert_allclose(observables(one, 0.4), observables(other, 0.4), rtol=1e-5)
    np.testing.assert_array_equal(images(one, 0.4), images(other, 0.4))


@pytest.mark.parametrize(
    ("particle", "message"),
    [
        ({"pt": 5.0, "eta": 0.1, "phi": 1.0, "mass": None}, "is missing"),
        ({"pt": 5.0, "eta": 0.1, "phi": 1.0, "mass": -1.0}, "mass is negative"),
        ({"pt": 5.0, "eta": 0.1, "phi": 1.0, "mass": 0.1, "pid": 211.5}, "not an integer"),
        ({"pt": 5.0, "eta": 0.1, "phi": 1.0, "mass": 0.1, "pid": float("nan")}, "not an integer"),
        ({"E": 5.0, "px": 9.0, "py": 0.0, "pz": 0.0}, "mass is imaginary"),
    ],
)
def test_wrong_momenta_are_refused(particle, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=message):
        from_awkward(awkward.Array([[particle]]))


def test_nothing_pickled_is_loaded(tmp_path: Path, particles: np.ndarray) -> None:
    np.savez(tmp_path / "evil.npz", X=np.array([{"code": 1}], dtype=object), y=LABELS)
    with pytest.raises(UsageError, match=r"evil\.npz"):
        energyflow(tmp_path / "evil.npz")
