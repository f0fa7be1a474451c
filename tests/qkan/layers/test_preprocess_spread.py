"""Circuits on other processes: the same numbers, and each of them once."""

from __future__ import annotations

import pytest
import torch

import circuits
import qkan
from qkan.studies.executors import executor


@pytest.mark.slow
def test_samples_are_the_same_in_other_processes(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qkan.layers.preprocess._CHUNK", 20)
    layer = qkan.Quanvolution2d(
        circuits.quanvolutional_filter("demo"),
        backend=circuits.backends.backend("default.qubit", shots=50, seed=3),
        evaluate="direct",
    )
    images = torch.rand(1, 1, 14, 14, generator=torch.Generator().manual_seed(0))
    here = qkan.preprocess(layer, images)
    store = qkan.store.Store(tmp_path)
    with executor("processes", workers=1) as pool:
        there = qkan.preprocess(layer, images, executor=pool, store=store)
    assert torch.equal(here.maps, there.maps)
    assert here.circuits == there.circuits == 49
    assert len(store.entries()) == 3
