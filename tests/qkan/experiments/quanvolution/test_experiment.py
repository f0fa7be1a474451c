import dataclasses
import json

import pytest

from circuits.errors import UsageError
from qkan.experiments.quanvolution import Config, run, small
from qkan.store import CacheWarning
from qkan.studies.run import Places

QUICK = Config(seeds=2, epochs=2)
METRICS = {"train_loss", "val_loss", "val_accuracy"}


def results_of(folder):
    return json.loads((folder.path / "results.json").read_text())


def test_the_folder_holds_what_the_contract_says(places):
    folder = run(QUICK, places)
    results = results_of(folder)
    assert set(results) == {"experiment", "config", "provenance", "arms", "published", "verdict"}
    assert set(results["arms"]) == {"quantum", "classical", "no_entanglement", "random_features"}
    for metrics in results["arms"].values():
        assert set(metrics) == METRICS
        for summary in metrics.values():
            assert set(summary) == {"mean", "sd", "n", "values"}
            assert summary["n"] == len(summary["values"]) == 2
    assert results["published"] == {}  # two epochs are not the published protocol
    provenance = results["provenance"]
    assert provenance["circuits_executed"] == 9 + 3
    assert provenance["backend"]["reason"]
    assert {"commit", "date", "versions", "data", "circuit", "seeds"} <= set(provenance)
    for name in ("config.toml", "report.md", "report.html"):
        assert (folder.path / name).stat().st_size > 0
    for figure in ("curves", "seeds", "circuit", "response", "channels"):
        for suffix in ("png", "pdf"):
            assert (folder.path / f"figures/{figure}.{suffix}").stat().st_size > 0
    rows = [json.loads(line) for line in (folder.path / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 4 * 2 * 2
    last = [r["val_loss"] for r in rows if r["arm"] == "quantum" and r["epoch"] == 2]
    assert last == results["arms"]["quantum"]["val_loss"]["values"]


def test_an_interrupted_run_is_continued_at_its_arm(no_figures, places, monkeypatch):
    train, trained = small.train_softmax_heads, []

    def stop_at_the_third(*arguments, **settings):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(1)
        return train(*arguments, **settings)

    monkeypatch.setattr(small, "train_softmax_heads", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(QUICK, places)
    assert f"--resume {places.out}" in stop.value.__notes__[0]
    assert not (places.out / "results.json").exists()

    calls = []

    def count(*arguments, **settings):
        calls.append(1)
        return train(*arguments, **settings)

    monkeypatch.setattr(small, "train_softmax_heads", count)
    resumed = run(QUICK, Places(resume=places.out, cache_dir=places.cache_dir))
    assert len(calls) == 2
    whole = run(QUICK, dataclasses.replace(places, out=places.out.with_name("whole")))
    assert results_of(resumed)["arms"] == results_of(whole)["arms"]


def test_a_damaged_arm_is_trained_again(no_figures, places):
    folder = run(QUICK, places)
    before = results_of(folder)
    for file in (folder.path / "stages").glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-9])
    with pytest.warns(CacheWarning, match="damaged"):
        run(QUICK, Places(resume=folder.path, cache_dir=places.cache_dir))
    assert results_of(folder)["arms"] == before["arms"]


def test_a_run_with_other_settings_is_not_resumed(no_figures, places):
    run(QUICK, places)
    other = dataclasses.replace(QUICK, epochs=3)
    with pytest.raises(UsageError, match="epochs: 2, now 3"):
        run(other, Places(resume=places.out, cache_dir=places.cache_dir))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"circuit": "dmeo"}, "did you mean .demo."),
        ({"backend": "defalt.qubit"}, "default.qubit"),
        ({"noise": "depolarising:0.1"}, "depolarizing"),
        ({"shots": 0}, "shots"),
        ({"train": 5001}, "5,000"),
        ({"circuit": "random(wires=5)"}, "square patch"),
    ],
)
def test_a_mistake_is_found_before_anything_is_written(places, settings, message):
    with pytest.raises(UsageError, match=message):
        run(dataclasses.replace(QUICK, **settings), places)
    assert not places.out.exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"shots": 20, "backend": "default.qubit"},
        {"noise": "depolarizing:0.05"},
        {"circuit": "random(seed=3)"},
    ],
)
def test_other_filters_and_backends_run_through(no_figures, places, settings):
    results = results_of(run(dataclasses.replace(QUICK, **settings), places))
    for name, value in settings.items():
        assert results["config"][name] == value
    assert results["arms"]["quantum"]["val_loss"]["mean"] > 0
