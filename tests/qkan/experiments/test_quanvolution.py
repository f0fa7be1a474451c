"""The published benchmark: the run's folder, the heads against a slow twin, the statistics of thirty seeds."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.data import mnist
from qkan.experiments import quanvolution
from qkan.experiments.quanvolution import (
    PUBLISHED,
    Config,
    along_the_curve,
    noise_section,
    published_sentence,
    run,
    train,
    train_softmax_heads,
)
from qkan.experiments.quanvolution_filter import Filter, pixels
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import compare_with_published


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take most of a short run's time; where they do not matter they are left empty."""
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")


@pytest.fixture
def places(tmp_path):
    return Places(out=tmp_path / "run", cache_dir=tmp_path / "cache")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """What the report shows many of takes seconds."""
    monkeypatch.setattr(quanvolution, "_SHOTS", (400, 6400))
    monkeypatch.setattr(quanvolution, "_NOISES", ("depolarizing:0.03",))


QUICK = Config(seeds=2, epochs=2)
METRICS = {"train_loss", "val_loss", "val_accuracy"}


def results_of(folder):
    return json.loads((folder.path / "results.json").read_text())


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_interrupted_run_is_continued_at_its_arm(places, no_figures, monkeypatch):
    heads, calls = quanvolution.train_softmax_heads, []

    def stop_at_the_third(*arguments, **settings):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return heads(*arguments, **settings)

    monkeypatch.setattr(quanvolution, "train_softmax_heads", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(QUICK, places)
    assert f"--resume {places.out}" in stop.value.__notes__[0]
    assert not (places.out / "results.json").exists()
    resumed = run(QUICK, Places(resume=places.out, cache_dir=places.cache_dir))
    assert len(calls) == 3 + 2
    whole = run(QUICK, dataclasses.replace(places, out=places.out.with_name("whole")))
    assert results_of(resumed)["arms"] == results_of(whole)["arms"]


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"shots": 20, "backend": "default.qubit"},
        {"noise": "depolarizing:0.05"},
        {"circuit": "random(seed=3)"},
    ],
)
def test_other_filters_and_backends_run_through(places, no_figures, settings):
    results = results_of(run(dataclasses.replace(QUICK, **settings), places))
    for name, value in settings.items():
        assert results["config"][name] == value
    assert results["arms"]["quantum"]["val_loss"]["mean"] > 0


def test_reproduced_only_if_all_numbers_are_inside():
    inside, outside = {"inside": True, "level": 0.995}, {"inside": False, "level": 0.995}
    good = published_sentence({"quantum": {"val_loss": inside, "train_loss": inside}}, 30)
    assert good.startswith("Reproduced: all 2 published numbers lie inside the 99.5 % interval")
    few = published_sentence({"quantum": {"val_loss": inside}}, 2)
    assert few.startswith("No verdict, for 2 seeds are too few to tell how runs spread: all 1")
    other = published_sentence({"quantum": {"val_loss": inside}}, 30, same=False)
    assert other.startswith("Not told apart from the published run")
    bad = published_sentence({"quantum": {"val_loss": inside, "train_loss": outside}}, 30)
    assert bad.startswith("Not reproduced: 1 of 2")
    assert "train loss of quantum" in bad
    assert "val loss" not in bad


IMAGES = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def filter_of(**settings):
    return Filter.of(Config(**settings).settled())


@pytest.mark.slow
def test_errors_follow_the_prediction_and_end_at_the_noise():
    chosen = filter_of(shots=100, noise="depolarizing:0.003")
    rows = chosen.layer(chosen.circuit).patches(IMAGES).flatten(0, -2).numpy()
    errors, limits, predicted = quanvolution.feature_errors(chosen, rows)
    assert set(errors) == {"no noise", "depolarizing:0.03", "depolarizing:0.003"}
    # Nine nodes and three draws: the mean of the squares has a relative standard error of about a third.
    np.testing.assert_allclose(errors["no noise"], predicted, rtol=0.4)
    assert predicted[0] == pytest.approx(4 * predicted[1])
    assert limits["no noise"] == pytest.approx(0, abs=1e-14)
    # To first order the error is proportional to the strength of the noise.
    strong, weak = limits["depolarizing:0.03"], limits["depolarizing:0.003"]
    assert strong / weak == pytest.approx(10, rel=0.1)
    assert errors["depolarizing:0.03"][1] == pytest.approx(strong, rel=0.2)


@pytest.mark.slow
def test_the_section_is_for_shots_and_noise_that_nobody_pays_for(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)

    def section(**settings):
        chosen = filter_of(**settings)
        places = Places(cache_dir=tmp_path / "cache")
        maps = chosen.features(chosen.circuit, IMAGES, places).maps
        return noise_section(chosen, IMAGES, maps, folder)

    assert section() is None
    assert "root mean square error of a feature is 0.0" in section(shots=4000).text[1]
    assert (tmp_path / "figures" / "noise.png").stat().st_size > 0
    monkeypatch.setattr(type(filter_of(shots=10).backend), "paid", True)
    assert section(shots=10) is None


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(18, 7, generator=generator, dtype=torch.float64)
    y = torch.randint(5, (18,), generator=generator)
    return (x[:11], y[:11]), (x[11:], y[11:])


def slow_twin(train, validation, seed, epochs, batch_size):
    """One seed, one `nn.Linear`, one loop over samples: what the batched code must equal."""
    (x, y), (x_val, y_val) = train, validation
    generator = torch.Generator().manual_seed(seed)
    weight = torch.empty(x.shape[1], 5, dtype=x.dtype)
    torch.nn.init.xavier_uniform_(weight, generator=generator)
    head = torch.nn.Linear(x.shape[1], 5, dtype=x.dtype)
    with torch.no_grad():
        head.weight.copy_(weight.T)
        head.bias.zero_()
    adam = torch.optim.Adam(head.parameters(), lr=1e-3, eps=1e-7)
    rows = []
    for _ in range(epochs):
        order, total = torch.randperm(len(x), generator=generator).tolist(), 0.0
        while order:
            batch, order = order[:batch_size], order[batch_size:]
            loss = torch.nn.functional.cross_entropy(head(x[batch]), y[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item() * len(batch)
        logits = head(x_val).detach()
        loss = torch.nn.functional.cross_entropy(logits, y_val)
        accuracy = sum(int(a == b) for a, b in zip(logits.argmax(1), y_val, strict=True))
        rows.append((total / len(x), loss.item(), accuracy / len(x_val)))
    return np.array(rows).T


@pytest.mark.parametrize("per_seed", [False, True])
def test_every_seed_equals_a_single_linear_layer(problem, per_seed):
    (x, y), (x_val, y_val) = problem
    seeds = [3, 8, 5]
    scale = torch.tensor([1.0, 2.0, -1.0], dtype=x.dtype)[:, None, None] if per_seed else 1.0
    history = train_softmax_heads(
        (scale * x, y), (scale * x_val, y_val), seeds=seeds, classes=5, epochs=6
    )
    for k, seed in enumerate(seeds):
        factor = scale[k] if per_seed else 1.0
        expected = slow_twin((factor * x, y), (factor * x_val, y_val), seed, 6, batch_size=4)
        for ours, theirs in zip(history.values(), expected, strict=True):
            np.testing.assert_allclose(ours[k], theirs, rtol=0, atol=1e-12)


def test_a_seed_does_not_depend_on_its_neighbours(problem):
    together = train_softmax_heads(*problem, seeds=range(6), classes=5, epochs=4)
    alone = train_softmax_heads(*problem, seeds=[4], classes=5, epochs=4)
    for both, one in zip(together.values(), alone.values(), strict=True):
        np.testing.assert_allclose(both[4], one[0], rtol=0, atol=1e-12)
    assert not np.allclose(*together["val_loss"][:2])


@pytest.mark.parametrize("bad", [{"seeds": []}, {"epochs": 0}, {"batch_size": 0}, {"classes": 4}])
def test_settings_that_train_nothing_are_refused(problem, bad):
    with pytest.raises(UsageError, match="expected"):
        train_softmax_heads(*problem, **({"seeds": [0], "classes": 5, "epochs": 1} | bad))


# Mean and standard deviation of the last epoch over 200 seeds, trained one by one in torch.
REFERENCE = {
    ("demo", "quantum"): {
        "train_loss": (0.0253, 0.0009),
        "val_loss": (1.011, 0.068),
        "val_accuracy": (0.722, 0.049),
    },
    ("demo", "classical"): {
        "train_loss": (0.0402, 0.0010),
        "val_loss": (1.016, 0.050),
        "val_accuracy": (0.725, 0.041),
    },
    ("demo-legacy", "quantum"): {"train_loss": (0.0206, 0.0007)},
}


@pytest.fixture(scope="module", params=["demo", "demo-legacy"])
def trained(request, tmp_path_factory):
    """The last epoch of thirty seeds in full: nothing shorter shows the statistics."""
    chosen = Filter.of(Config(circuit=request.param).settled())
    data = mnist(train=50, test=30)
    images = pixels(torch.cat([data.train_images, data.test_images]))
    places = Places(cache_dir=tmp_path_factory.mktemp("cache"))
    maps = {"quantum": chosen.features(chosen.circuit, images, places).maps}
    options = {"seeds": range(30), "of": {}, "chosen": chosen, "images": images, "data": data}
    arms = {arm: train(features=arm, maps=maps, **options) for arm in PUBLISHED}
    return request.param, {a: {m: v[:, -1] for m, v in vs.items()} for a, vs in arms.items()}, arms


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["quantum", "classical"])
def test_means_and_spreads_are_those_of_independent_seeds(trained, arm):
    circuit, finals, _ = trained
    for metric, (mean, sd) in REFERENCE.get((circuit, arm), {}).items():
        values = finals[arm][metric]
        error = sd * math.sqrt(1 / len(values) + 1 / 200)
        rounding = 10.0 ** -len(str(mean).split(".")[1]) / 2
        assert values.mean() == pytest.approx(mean, abs=3.5 * error + rounding), metric
        assert 0.6 < values.std(ddof=1) / sd < 1.6, metric


@pytest.mark.slow
def test_the_published_run_is_one_of_the_demos_and_not_of_the_older_circuits(trained):
    circuit, finals, curves = trained
    checks = compare_with_published(finals, PUBLISHED)
    outside = [(a, m) for a, ms in checks.items() for m, c in ms.items() if not c["inside"]]
    assert outside == ([] if circuit == "demo" else [("quantum", "train_loss")])
    along = along_the_curve(curves)
    assert (along["first"], along["last"], along["of"]) == (32, 60, 3 * (28 + 29))
    assert (along["inside"] == along["of"]) == (circuit == "demo")
