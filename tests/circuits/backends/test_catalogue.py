"""Names, probing, and what auto chooses."""

import os
import re
from contextlib import suppress
from pathlib import Path

import pennylane as qml
import pytest

from circuits.backends import backend, backend_names, backend_table
from circuits.backends.pennylane import short_waits
from circuits.errors import MissingExtraError, UsageError


class Plugin:
    """An entry point as installed plugins have them."""

    def __init__(self, make):
        self.make = make

    def load(self):
        return self.make


@pytest.fixture
def install(monkeypatch):
    """Install, or with None uninstall, a PennyLane plugin."""

    def change(name, make):
        if make is None:
            monkeypatch.delitem(qml.plugin_devices, name, raising=False)
            monkeypatch.setattr(
                "pennylane.devices.device_constructor.refresh_devices", lambda: None
            )
        else:
            monkeypatch.setitem(qml.plugin_devices, name, Plugin(make))

    return change


class Sampler(qml.devices.DefaultQubit):
    """A device that takes no seed."""

    def __init__(self, wires=None):
        super().__init__(wires=wires)


def no_driver(*_, **__):
    raise RuntimeError("CUDA driver version is\n    insufficient.")


def row(name):
    return next(row for row in backend_table() if row.name == name)


@pytest.mark.parametrize(
    ("name", "extra"), [("lightning.gpu", "gpu"), ("lightning.kokkos", "kokkos")]
)
def test_a_missing_extra_is_named(name, extra, install):
    install(name, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "hybrid-qkan\[{extra}\]"'):
        backend(name)
    assert not row(name).installed
    assert f"hybrid-qkan[{extra}]" in row(name).why_not


def test_an_installed_gpu_plugin_without_driver_tells_why(install):
    install("lightning.gpu", no_driver)
    with pytest.raises(UsageError, match="not usable: CUDA driver version is insufficient"):
        backend("lightning.gpu")
    found = row("lightning.gpu")
    assert (found.installed, found.usable) == (True, False)
    assert "CUDA driver version is insufficient" in found.why_not
    chosen = backend("auto")
    assert chosen.name == "default.qubit"
    assert "CUDA driver version is insufficient" in chosen.reason


def test_auto_takes_a_gpu_that_works(install):
    install("lightning.gpu", qml.plugin_devices["lightning.qubit"].load())
    assert backend("auto", wires=4, batch=100).name == "lightning.gpu"
    assert "GPU" in backend("auto").reason
    assert backend("auto", noise="bit-flip:0.1").name == "default.mixed"


@pytest.mark.parametrize(
    ("wires", "batch", "name"),
    [
        (None, None, "default.qubit"),
        (4, None, "default.qubit"),
        (4, 200, "default.qubit"),
        (12, 20, "default.qubit"),
        (4, 1, "lightning.qubit"),
        (13, None, "lightning.qubit"),
        (20, 200, "lightning.qubit"),
    ],
)
def test_auto_takes_the_fastest_cpu_device(wires, batch, name, install):
    install("lightning.gpu", None)
    for options in ({}, {"shots": 10, "seed": 1}):
        chosen = backend("auto", wires=wires, batch=batch, **options)
        assert chosen.name == name
        assert "lightning.gpu" in chosen.reason
        assert chosen.shots == options.get("shots")


def test_auto_says_so_when_lightning_is_broken(install):
    install("lightning.qubit", no_driver)
    chosen = backend("auto", wires=20)
    assert chosen.name == "default.qubit"
    assert "lightning.qubit, faster here, is not usable" in chosen.reason


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("default.qbit", "did you mean 'default.qubit'"),
        ("ligthning.gpu", "did you mean 'lightning.gpu'"),
        ("", "unknown backend"),
        ("qiskit.aer", "Known: aer, aer:DEVICE, auto, default"),
        ("Default.Qubit", "unknown backend"),
        *((name, "by name") for name in (None, 3, ["default.qubit"])),
        *((f"default.{name}", "installed but not usable") for name in ("gaussian", "qutrit")),
        ("default.qutrit.mixed", "installed but not usable"),
        ("null.qubit", "installed but not usable"),
    ],
)
def test_names_that_are_no_backend(name, message):
    with pytest.raises(UsageError, match=message):
        backend(name)
    if "usable" in message:  # it gives no expectation values of qubits
        assert not row(name).usable
        assert row(name).why_not


def test_any_other_device_goes_by_its_own_name(install, one_wire):
    install("my.device", Sampler)
    assert "my.device" in backend_names()
    chosen = backend("my.device", shots=1000)
    assert chosen.gradient == "parameter-shift"
    assert chosen.run(one_wire, [[1.0]], {"phi": 0.0}).shape == (1, 1)
    with pytest.raises(UsageError, match="cannot be seeded"):
        backend("my.device", shots=10, seed=1)


@pytest.mark.parametrize("what", ["wires", "batch"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_bad_hints(what, value):
    with pytest.raises(UsageError, match=what):
        backend("auto", **{what: value})


def test_a_backend_passes_through_unchanged():
    chosen = backend("default.qubit", shots=5)
    assert backend(chosen) is chosen
    with pytest.raises(UsageError, match=r"dataclasses\.replace"):
        backend(chosen, shots=6)


def test_table_has_a_row_for_each_name():
    table = {row.name: row for row in backend_table()}
    assert tuple(table) == backend_names()
    facts = {
        "default.qubit": ("backprop", True, False),
        "lightning.qubit": ("adjoint", False, False),
        "default.mixed": ("parameter-shift", True, True),
        "reference.qubit": ("parameter-shift", False, False),
    }
    for name, expected in facts.items():
        row = table[name]
        assert (row.gradient, row.native_batching, row.noise) == expected
    for name in ("default.qubit", "default.mixed", "lightning.qubit", "aer", "aer:fake_manila"):
        row = table.get(name) or table["aer:DEVICE"]
        assert row.gradient == backend(name).gradient
    for found in table.values():
        assert bool(found.why_not) != found.usable
        assert found.shots == found.usable


@pytest.mark.parametrize("chosen", [None, "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_threads_wait_shortly_unless_the_user_has_chosen(monkeypatch, chosen):
    for name in list(os.environ):
        if name.startswith(("OMP_", "GOMP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # may be given beside
    if chosen:
        monkeypatch.setenv(chosen, "mine")
    before = dict(os.environ)
    with suppress(ImportError), short_waits():
        assert dict(os.environ) == before | ({} if chosen else {"GOMP_SPINCOUNT": "1000"})
        raise ImportError
    assert dict(os.environ) == before
    backend("lightning.qubit")
    assert dict(os.environ) == before


def test_the_readme_states_the_facts():
    text = (Path(__file__).parents[3] / "README.md").read_text()
    table = {row.name: row for row in backend_table()}
    rows = re.findall(r"^\| (`[^|]+) \|[^|]*\| ([^|]*) \| ([^|]*) \| ([^|]*) \|", text, re.M)
    shown = {name: rest for names, *rest in rows for name in re.findall("`([^`]+)`", names)}
    assert {"default.qubit", "default.mixed", "lightning.qubit", "aer"} <= shown.keys()
    for name, (noise, gradient, batch) in shown.items():
        found = table.get(name) or table.get(name.partition(":")[0] + ":DEVICE")
        if found.usable:
            assert gradient.replace(" ", "-") == found.gradient
            assert (batch != "one execution a sample") == found.native_batching
            assert noise.startswith("a channel") == found.noise


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shot": 3}, "did you mean 'shots'"),
        ({"optimization_level": 3}, "Known: batch, circuit, noise, seed, shots, wires"),
        ({"noise": 0.1}, "noise='depolarizing:0.01', got 0.1"),
    ],
)
def test_options_that_are_none(options, message):
    with pytest.raises(UsageError, match=message):
        backend("default.mixed", **options)
