"""The channels against their closed forms."""

import numpy as np
import pennylane as qml
import pytest

from circuits import circuit
from circuits.backends import NOISE_CHANNELS, Noise, backend
from circuits.errors import UsageError

X = np.linspace(-3, 3, 7)
P = 0.2


@pytest.fixture(scope="module")
def single():
    @circuit(wires=1, observables=[qml.X(0), qml.Z(0)])
    def single(inputs):
        qml.RY(inputs, wires=0)

    return single


CLOSED_FORMS = {  # (<X>, <Z>) of the state (sin x, 0, cos x) after the channel
    "amplitude-damping": lambda x: (np.sqrt(1 - P) * np.sin(x), P + (1 - P) * np.cos(x)),
    "bit-flip": lambda x: (np.sin(x), (1 - 2 * P) * np.cos(x)),
    "depolarizing": lambda x: ((1 - 4 * P / 3) * np.sin(x), (1 - 4 * P / 3) * np.cos(x)),
    "phase-damping": lambda x: (np.sqrt(1 - P) * np.sin(x), np.cos(x)),
    "phase-flip": lambda x: ((1 - 2 * P) * np.sin(x), np.cos(x)),
}


@pytest.mark.parametrize("channel", NOISE_CHANNELS)
def test_channel_after_one_gate(channel, single):
    values = backend("default.mixed", noise=f"{channel}:{P}").run(single, X[:, None])
    np.testing.assert_allclose(values, np.stack(CLOSED_FORMS[channel](X), axis=1), atol=1e-12)


def test_a_gate_on_two_wires_is_followed_by_noise_on_both():
    @circuit(wires=2, observables=[qml.Z(0), qml.Z(1)])
    def pair(inputs):
        qml.RY(inputs, wires=0)
        qml.CNOT([0, 1])

    values = backend("auto", noise=Noise("bit-flip", P)).run(pair, X[:, None])
    # Wire 0 is flipped after both gates; wire 1 copies it after the first and is flipped once.
    expected = (1 - 2 * P) ** 2 * np.cos(X)
    np.testing.assert_allclose(values, np.stack([expected, expected], axis=1), atol=1e-12)


def test_noise_is_sampled_too(single):
    sampled = backend("default.mixed", noise=f"bit-flip:{P}", shots=20_000, seed=1)
    exact = np.stack(CLOSED_FORMS["bit-flip"](X), axis=1)
    np.testing.assert_allclose(sampled.run(single, X[:, None]), exact, atol=5 / np.sqrt(20_000))


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "reference.qubit"])
def test_pure_state_devices_refuse_noise(name):
    with pytest.raises(UsageError, match=r"default\.mixed"):
        backend(name, noise="bit-flip:0.1")


def test_noise_is_text_and_back():
    assert Noise.parse("depolarizing:1e-07") == Noise("depolarizing", 1e-7)
    assert str(Noise("bit-flip", 1)) == str(Noise("bit-flip", 1.0)) == "bit-flip:1.0"
    assert str(Noise("bit-flip", -0.0)) == str(Noise("bit-flip", 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("depolarising:0.1", "did you mean 'depolarizing'.*bit-flip"),
        ("depolarizing", "CHANNEL:STRENGTH.*none"),
        ("depolarizing:", "CHANNEL:STRENGTH"),
        ("depolarizing:much", "'much'"),
        ("bit-flip:1.1", r"\[0, 1\], got 1.1"),
        ("bit-flip:-0.1", "at least 0, got -0.1"),
        ("bit-flip:nan", "finite number of at least 0, got nan"),
        ("", "unknown noise channel"),
    ],
)
def test_bad_noise(text, message):
    with pytest.raises(UsageError, match=message):
        backend("default.mixed", noise=text)


@pytest.mark.parametrize("strength", [True, "0.1", None])
def test_a_strength_is_a_number(strength):
    with pytest.raises(UsageError, match="must be a finite number of at least 0"):
        Noise("bit-flip", strength)
