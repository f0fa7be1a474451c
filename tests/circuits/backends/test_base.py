"""Backends as values: content, seeds and streams, bounded memory, bad arguments."""

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from circuits.backends import Noise, backend
from circuits.errors import UsageError

BACKENDS = [
    "default.qubit",
    "lightning.qubit",
    "default.mixed",
    "reference.qubit",
    "aer",
    "aer:fake_manila",
]
X = np.random.default_rng(1).uniform(-2, 2, (5, 3))
WEIGHTS = {"theta": np.arange(4.0)}


def test_values_are_compared_by_content():
    one = backend("default.qubit", shots=10, seed=3)
    same = backend("default.qubit", shots=np.int64(10), seed=np.int64(3))
    assert one == same == pickle.loads(pickle.dumps(one))
    assert {one: "found"}[same] == "found"
    assert repr(one) == repr(same)
    chosen = backend("auto", wires=2)
    assert chosen.reason
    assert chosen == backend(chosen.name)
    others = [replace(one, shots=11), replace(one, seed=4), replace(one, name="lightning.qubit")]
    others += [backend("default.mixed", noise=f"bit-flip:{p}") for p in (0.1, 0.2)]
    assert len({one, *others}) == 6
    with pytest.raises(FrozenInstanceError):
        one.shots = 5


def test_key_holds_what_changes_the_numbers():
    noisy = backend("default.mixed", shots=10, seed=np.int64(3), noise=Noise("bit-flip", 1))
    assert noisy.key == {"device": noisy.name, "shots": 10, "seed": 3, "noise": "bit-flip:1.0"}
    assert all(value is None or type(value) in (str, int) for value in noisy.key.values())
    # A seed changes no exact value.
    assert backend("default.qubit", seed=3).key == backend("default.qubit").key


def test_what_a_backend_can_do():
    exact, sampled = backend("lightning.qubit"), backend("lightning.qubit", shots=10)
    assert (exact.analytic, exact.deterministic, exact.gradient) == (True, True, "adjoint")
    assert (sampled.analytic, sampled.deterministic) == (False, False)
    assert sampled.gradient == "parameter-shift"
    assert replace(sampled, seed=0).deterministic
    assert backend("default.qubit").native_batching
    assert not exact.native_batching


@pytest.mark.parametrize(
    ("name", "options", "exact", "noisy", "replaceable"),
    [
        ("default.qubit", {}, True, False, True),
        ("auto", {"wires": 20}, True, False, True),
        ("lightning.qubit", {}, True, False, False),
        ("aer", {}, True, False, False),
        ("default.qubit", {"shots": 10}, False, False, False),
        ("default.mixed", {"noise": "bit-flip:0.1"}, False, True, False),
        ("aer:fake_manila", {}, False, True, False),
    ],
)
def test_what_values_are(name, options, exact, noisy, replaceable):
    found = backend(name, **options)
    assert (found.exact, found.noisy, found.replaceable) == (exact, noisy, replaceable)


@pytest.mark.slow
def test_samples_follow_the_seed_and_the_stream(backend_name, pauli):
    seeded = backend(backend_name, shots=20, seed=7)
    first = seeded.run(pauli, X, WEIGHTS)
    np.testing.assert_array_equal(first, seeded.run(pauli, X, WEIGHTS))
    second = seeded.run(pauli, X, WEIGHTS, stream=1)
    np.testing.assert_array_equal(second, seeded.run(pauli, X, WEIGHTS, stream=1))
    assert (first != second).any()
    assert (first != replace(seeded, seed=8).run(pauli, X, WEIGHTS)).any()


def test_no_seed_means_fresh_samples_whatever_numpys_global_state(pauli):
    state = np.random.get_state()
    values = []
    for _ in range(2):
        np.random.set_state(state)
        values.append(backend("default.qubit", shots=100).run(pauli, X, WEIGHTS))
    assert (values[0] != values[1]).any()


@pytest.mark.slow
def test_samples_of_streams_and_chunks_are_independent(monkeypatch, one_wire):
    # The mean of independent estimates at one point has the variance of all shots together.
    shots, repeats = 100, 400
    monkeypatch.setattr("circuits.backends.base._CHUNK_BYTES", 1)  # a chunk for each sample
    chunks = backend("default.qubit", shots=shots, seed=2).run(
        one_wire, np.full((repeats, 1), 0.3), {"phi": np.pi / 2}
    )
    assert len(np.unique(chunks)) > 10
    assert np.std(chunks) == pytest.approx(1 / np.sqrt(shots), rel=0.15)  # <X> = 0
    assert np.mean(chunks) == pytest.approx(0, abs=4 / np.sqrt(shots * repeats))


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit"])
def test_chunks_give_the_values_of_one_piece(name, monkeypatch, pauli):
    chosen = backend(name)
    whole = chosen.run(pauli, X, WEIGHTS)
    monkeypatch.setattr("circuits.backends.base._CHUNK_BYTES", 2 * 16 * 2**pauli.num_wires)
    calls = []
    parts = chosen.run(pauli, X, WEIGHTS, progress=lambda done, total: calls.append((done, total)))
    np.testing.assert_allclose(parts, whole, atol=1e-15)
    assert calls == [(2, 5), (4, 5), (5, 5)]


def test_chunks_shrink_with_shots_wires_and_noise(pauli, one_wire):
    exact = backend("default.qubit")
    assert exact.chunk_size(one_wire) == 4 * exact.chunk_size(pauli)
    assert replace(exact, shots=10_000).chunk_size(pauli) < exact.chunk_size(pauli) / 1000
    noisy = backend("default.mixed", noise="bit-flip:0.1")
    assert noisy.chunk_size(pauli) == exact.chunk_size(pauli) / 8
    # Without noise default.mixed holds density matrices all the same.
    assert backend("default.mixed").chunk_size(pauli) == noisy.chunk_size(pauli)


@pytest.mark.parametrize("name", ["default.qubit", "aer"])
@pytest.mark.parametrize(
    ("what", "value", "least"),
    [
        *(("shots", value, 1) for value in (0, -1, 1.5, True, "100", np.nan)),
        *(("seed", value, 0) for value in (-1, 1.0, True, "1")),
    ],
)
def test_bad_shots_and_seeds(name, what, value, least):
    with pytest.raises(UsageError, match=f"{what} must be an integer of at least {least}"):
        replace(backend(name, shots=1), **{what: value})


@pytest.mark.parametrize(
    ("inputs", "weights", "message"),
    [
        (np.zeros((0, 3)), WEIGHTS, r"N >= 1, got shape \(0, 3\)"),
        (np.zeros(3), WEIGHTS, r"\(N, 3\)"),
        (np.zeros((2, 4)), WEIGHTS, "3"),
        (np.full((2, 3), np.nan), WEIGHTS, "NaN"),
        (np.full((2, 3), np.inf), WEIGHTS, "NaN or infinity"),
        (X, None, "weight"),
        (X, {}, "weight"),
        (X, {"thta": np.zeros(4)}, "weight"),
        (X, {"theta": np.zeros(3)}, "weight"),
        (X, {"theta": [0, 0, 0, np.nan]}, "weight"),
    ],
)
def test_bad_data(inputs, weights, message, pauli):
    with pytest.raises(UsageError, match=message):
        backend("default.qubit").run(pauli, inputs, weights)


def test_bad_stream(pauli):
    with pytest.raises(UsageError, match="stream"):
        backend("default.qubit").run(pauli, X, WEIGHTS, stream=-1)


@pytest.mark.slow
def test_running_needs_no_torch():
    code = (
        "import sys; from circuits import quanvolutional_filter as f; "
        "from circuits.backends import backend as b; "
        "b('default.qubit').run(f('demo'), [[0, 0, 0, 0]]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
