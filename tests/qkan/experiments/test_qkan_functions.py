import json

import numpy as np
import pytest
import torch

import qkan
from circuits.errors import UsageError
from qkan.data.functions import function
from qkan.experiments.qkan_functions import (
    MODELS,
    Config,
    arms_of,
    error_ratios,
    parameters_of,
    ratio_sentence,
    run,
    train_on_function,
)
from qkan.studies.run import Places
from qkan.training import DivergedError, fit, predict


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    places = Places(out=tmp_path_factory.mktemp("run") / "run")
    settings = {"functions": "sinc20,exp-sin", "seeds": 2, "iterations": 3, "points": 30}
    config = Config(**settings, single="pz(depth=2)", edge="pz(depth=1)")
    return config, run(config, places)


@pytest.mark.slow
def test_a_run_leaves_a_record_figures_and_models(finished):
    _, folder = finished
    record = json.loads((folder.path / "results.json").read_text())
    assert set(record["arms"]) == {f"{f}: {m}" for f in ("sinc20", "exp-sin") for m in MODELS}
    assert record["arms"]["sinc20: qkan"]["test_rmse"]["n"] == 2
    assert set(record["verdict"]["targets"]) == {"sinc20", "exp-sin"}
    assert {p.stem for p in (folder.path / "figures").glob("*.png")} == {
        "errors",
        "fits",
        "network",
    }
    page = (folder.path / "report.html").read_text()
    assert "the target of 0.0003 is missed by a factor" in page
    assert "arXiv:2404.19756" in page


@pytest.mark.slow
def test_the_models_of_seed_0_are_those_that_were_measured(finished):
    config, folder = finished
    record = json.loads((folder.path / "results.json").read_text())
    model = qkan.models.load(folder.path / "models" / "exp-sin-qkan.safetensors")
    target = function("exp-sin")
    rng = np.random.default_rng(0)
    (_, y), (x, y_test) = target.sample(config.points, rng), target.sample(config.points, rng)
    half = arms_of("exp-sin", config.single, config.edge)["qkan"]["half_width"]
    found = predict(model, torch.from_numpy(half * x))[:, 0]
    rmse = np.sqrt(np.mean((y.mean() + y.std() * found.numpy() - y_test) ** 2))
    assert rmse == pytest.approx(record["arms"]["exp-sin: qkan"]["test_rmse"]["values"][0])


@pytest.mark.parametrize("name", ["sinc20", "exp-sin", "I.29.16"])
def test_rivals_have_as_many_parameters_as_their_sizes_allow(name):
    counts = {k: parameters_of(s["model"]) for k, s in arms_of(name, "pz", "pz").items()}
    for kind, count in counts.items():
        assert abs(count - counts["qkan"]) <= max(2, 0.1 * counts["qkan"]), (kind, counts)


@pytest.mark.slow
def test_a_fit_can_be_repeated_and_gets_better():
    settings = {**arms_of("exp-sin", "pz", "pz")["kan"], "points": 50, "seed": 3}
    first, again, longer = (train_on_function(**settings, iterations=n) for n in (2, 2, 40))
    assert first["test_rmse"] == again["test_rmse"]
    assert longer["test_rmse"] < 0.5 * first["test_rmse"]
    assert not any(name.startswith("weights.") for name in first)


def test_opposite_effects_are_not_averaged():
    """Twenty times worse here, thirty-one times better there, the same elsewhere: each is said."""
    seeds = np.array([1.0, 1.1, 0.9])
    values = {f: {kind: {"test_error": seeds} for kind in MODELS} for f in "abc"}
    for name, factor in (("a", 20 * seeds), ("b", seeds / 31), ("c", seeds[::-1])):
        values[name]["qkan"] = {"test_error": factor * seeds[::-1]}
    ratios = error_ratios(values)["mlp"]
    assert ratios["a"]["level"] == pytest.approx(1 - 0.05 / 3)
    told = ratio_sentence("mlp", ratios, 3)
    assert "error larger on 1 of 3 functions (a 20 times" in told
    assert "error smaller on 1 of 3 functions (b 0.032 times" in told
    assert "not told apart on 1 (c)" in told
    del values["a"]["mlp"]  # it diverged
    assert set(error_ratios(values)["mlp"]) == {"b", "c"}


@pytest.mark.slow
def test_trainings_that_diverge_are_counted_and_left_out(tmp_path, monkeypatch):
    def diverges(net, *data, **options):
        if options["config"].seed and isinstance(net, qkan.MLP):
            raise DivergedError("loss is nan", None)
        return fit(net, *data, **options)

    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")
    monkeypatch.setattr("qkan.experiments.qkan_functions.fit", diverges)
    few = {
        "functions": "sinc20",
        "seeds": 2,
        "iterations": 2,
        "points": 20,
        "single": "pz(depth=1)",
    }
    folder = run(Config(**few), Places(out=tmp_path / "run"))
    verdict = json.loads((folder.path / "results.json").read_text())["verdict"]
    assert verdict["diverged"] == {"sinc20: mlp": 1}
    assert "Left out, for trainings diverged: sinc20: mlp (1 of 2)." in verdict["sentences"]


def test_mistakes():
    for settings, message in (
        ({"seeds": 1}, "seeds to be 2 or more"),
        ({"functions": "sinc"}, "did you mean 'sinc20'"),
        ({"functions": ""}, "unknown function"),
        ({"edge": "pz(depth=0)"}, "depth"),
        ({"single": "px2"}, "unknown edge"),
    ):
        with pytest.raises(UsageError, match=message):
            Config(**settings)
