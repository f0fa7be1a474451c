import json
import sys
import types

import numpy as np
import pytest

from circuits import FILTERS
from qkan.cli import main
from qkan.store import Store, key


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "cache")
    for seed in range(3):
        store.put(key(seed=seed), {"x": np.arange(4.0)}, {"what": f"run {seed} [a]"})
    return store


def cache(command, store, *arguments):
    return main(["cache", command, *arguments, "--cache-dir", str(store.path)])


def test_cache_ls_lists_all(store, capsys):
    assert cache("ls", store) == 0
    out = capsys.readouterr().out
    for seed in range(3):
        assert key(seed=seed)[:12] in out
        assert f"run {seed} [a]" in out
    assert out.splitlines()[-1].startswith("3 results, 0.0 MB")


def test_cache_ls_of_nothing(tmp_path, capsys):
    assert cache("ls", Store(tmp_path / "none")) == 0
    assert capsys.readouterr().out.startswith("0 results")


def test_cache_show_prints_json(store, capsys):
    assert cache("show", store, key(seed=1)[:20]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["meta"]["what"] == "run 1 [a]"
    assert shown["arrays"] == {"x": "F64(4,)"}
    assert cache("show", store, "xyz") == 2


def test_cache_verify_finds_damage(store, capsys):
    assert cache("verify", store) == 0
    file = store.path / f"{key(seed=2)}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    capsys.readouterr()
    assert cache("verify", store) == 1
    assert f"damaged: {file}" in capsys.readouterr().out


def test_cache_clear_keeps_what_is_younger(store, capsys):
    assert cache("clear", store, "--older-than", "1") == 0
    assert len(store.entries()) == 3
    assert cache("clear", store) == 0
    assert store.entries() == []
    assert "removed 3 results" in capsys.readouterr().out


def test_circuits_lists_every_filter(capsys):
    assert main(["circuits"]) == 0
    out = capsys.readouterr().out
    for name in FILTERS:
        assert name in out


def test_backends_lists_names_and_reasons(capsys):
    assert main(["backends"]) == 0
    out = capsys.readouterr().out
    assert "default.qubit" in out
    assert "lightning.gpu" in out


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_draw_writes_the_file_it_is_told(tmp_path, capsys, suffix):
    file = tmp_path / f"demo.{suffix}"
    assert main(["draw", "demo", "--out", str(file)]) == 0
    assert file.read_bytes()[:4] in (b"\x89PNG", b"%PDF")
    assert capsys.readouterr().out == f"{file}\n"


def test_draw_refuses_unknown_names_and_kinds(tmp_path, capsys):
    assert main(["draw", "dmeo"]) == 2
    assert "did you mean 'demo'" in capsys.readouterr().err
    assert main(["draw", "demo", "--out", str(tmp_path / "demo.gif")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_bench_prints_and_writes_what_was_measured(tmp_path, monkeypatch):
    done = []
    report = types.SimpleNamespace(print=lambda: done.append("print"), write_json=done.append)
    module = types.ModuleType("qkan.benchmarks.quanvolution")
    module.run = lambda: report
    monkeypatch.setitem(sys.modules, "qkan.benchmarks.quanvolution", module)
    file = tmp_path / "rows.json"
    assert main(["bench", "quanvolution", "--json", str(file)]) == 0
    assert done == ["print", file]
    assert main(["bench", "quanvolutoin"]) == 2
    assert main(["bench", "quanvolution", "--json", str(tmp_path / "no" / "rows.json")]) == 2
    assert len(done) == 2
