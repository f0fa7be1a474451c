import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import pytest

from circuits import FILTERS, UsageError, circuit, draw, quanvolutional_filter


def texts(figure):
    return [" ".join(text.get_text().split()) for text in figure.axes[0].texts]


@circuit(wires=2, inputs=2, weights={"w": ()}, direct_only=True)
def many_angles(x, w):
    qml.RX(0.5 * x[..., 0] - 2 * np.pi * x[..., 1] + 0.25, wires=0)
    qml.RY(x[..., 0] ** 2, wires=0)
    qml.RZ(w, wires=1)
    qml.QubitUnitary(np.eye(2), wires=1)
    qml.RX(-x[..., 1], wires=1)


@pytest.mark.slow
def test_angles_are_formulas_of_the_inputs():
    drawn = texts(draw(many_angles, {"w": 1.234}))
    assert "RX (0.5 x0-2πx1+0.25)" in drawn
    assert "RY (f(x))" in drawn
    assert "RX (-x1)" in drawn
    assert "RZ (1.23)" in drawn
    assert "RZ (1)" in texts(draw(many_angles, {"w": 1.234}, decimals=0))
    assert "RZ (0.00)" in texts(draw(many_angles))
    assert "RZ" in texts(draw(many_angles, decimals=None))


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_is_saved(name, tmp_path):
    before = plt.get_fignums()
    draw(quanvolutional_filter(name)).savefig(tmp_path / "circuit.png")
    assert (tmp_path / "circuit.png").read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == before


def test_drawing_leaves_the_circuit_alone():
    filt = quanvolutional_filter("demo")
    draw(filt)
    assert filt.gates(np.zeros(4), **filt.defaults)[0].label() == "RY"


def test_weights_are_checked():
    with pytest.raises(UsageError, match="unknown"):
        draw(many_angles, {"v": 1.0})
