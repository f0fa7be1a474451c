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
    run,
    train_on_function,
)
from qkan.studies.run import Places
from qkan.training import predict


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


def test_ratios_are_geometric_means_over_functions():
    """Twice the error on one function and eight times on the other: four times over both."""
    values = {f: {kind: {"test_error": np.array([1.0, 3.0])} for kind in MODELS} for f in "ab"}
    values["a"]["qkan"] = {"test_error": np.array([2.0, 6.0])}
    values["b"]["qkan"] = {"test_error": np.array([8.0, 24.0])}
    for ratio in error_ratios(values).values():
        assert [ratio[name] for name in ("low", "estimate", "high")] == pytest.approx([4, 4, 4])


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
