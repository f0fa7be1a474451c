import json

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.experiments import mnist
from qkan.experiments.mnist import (
    Arm,
    Config,
    arms_of,
    differences_of,
    run,
    sentence,
)
from qkan.experiments.mnist_task import parameters_of
from qkan.models import load
from qkan.studies.run import Places
from qkan.studies.statistics import Interval


@pytest.fixture(scope="module")
def arms():
    return arms_of(64)


def members(arms, group):
    return {arm.kind: arm for arm in arms if group in arm.groups}


@pytest.mark.slow
def test_at_equal_widths_all_are_as_wide(arms):
    found = members(arms, "width")
    assert {arm.width for arm in found.values()} == {64}
    assert found.keys() >= {"mlp", "kan", "sinekan", "quanvolution", "no_entanglement"}


@pytest.mark.slow
@pytest.mark.parametrize(("group", "reference"), [("small", "mlp"), ("large", "sinekan")])
def test_at_equal_parameters_no_width_would_come_closer(arms, group, reference):
    budget = parameters_of(members(arms, "width")[reference].model)
    for arm in members(arms, group).values():
        model = arm.model.get("head", arm.model)
        ours = abs(parameters_of(arm.model) - budget)
        for width in (arm.width - 1, arm.width + 1):
            change = {"sizes": [784, width, 10]} if "sizes" in model else {"hidden": width}
            other = {**model, **change}
            assert ours <= abs(parameters_of(other) - budget), arm.name


def test_the_control_has_the_features_and_the_head_of_the_quanvolution(arms):
    quantum, control, mlp = (
        members(arms, "small")[kind] for kind in ("quanvolution", "no_entanglement", "mlp")
    )
    assert quantum.model["head"] == control.model["head"] == mlp.model
    assert control.model["filters"] == [f"{quantum.model['filters'][0]}/no-entanglement"]
    assert parameters_of(quantum.model) == parameters_of(mlp.model) == 50_890


@pytest.mark.slow
def test_the_published_pair_is_compared_and_the_quantum_kan_if_asked_for(arms):
    large = members(arms, "large")
    assert large["sinekan"].name == "sinekan_64"
    assert parameters_of(large["mlp"].model) == pytest.approx(406_618, rel=2e-3)
    assert "qkan" not in {arm.kind for arm in arms}
    assert "qkan" in {arm.kind for arm in arms_of(8, qkan=True)}


def correct(*rates):
    rng = np.random.default_rng(0)
    return {
        name: (rng.random((5, 400)) < rate).astype(float)
        for name, rate in zip(("mlp_8", "kan_8", "cnn_8"), rates, strict=True)
    }


def test_what_the_intervals_allow_is_said_and_no_more():
    three = [Arm(kind, 8, ("width",), {}) for kind in ("mlp", "kan", "cnn")]
    told = sentence("width", differences_of(three, correct(0.5, 0.51, 0.9))["width"])
    assert "CNN 8 better than MLP 8 by +" in told
    assert "not told apart: KAN 8 and MLP 8" in told
    worse = sentence("width", differences_of(three, correct(0.9, 0.5, 0.91))["width"])
    assert "KAN 8 worse than MLP 8 by -" in worse
    assert "not told apart: CNN 8 and MLP 8" in worse
    for low, high in ((0.0, 0.2), (-0.2, 0.0), (-0.3, 0.1)):  # an interval that touches zero
        interval = Interval((low + high) / 2, low, high, 0.9)
        assert "not told apart" in sentence("width", [(three[1], three[0], interval)])


def test_many_comparisons_make_wide_intervals():
    def first(*kinds, groups):
        arms = [Arm(kind, 8, groups, {}) for kind in kinds]
        return differences_of(arms, correct(0.5, 0.6, 0))["width"][0][2]

    one = first("mlp", "kan", groups=("width",))
    many = first("mlp", "kan", "cnn", groups=("width", "small"))
    assert one.level == pytest.approx(0.95)
    assert many.level == pytest.approx(1 - 0.05 / 4)
    assert many.low < one.low


@pytest.mark.slow
def test_a_run_from_settings_to_report(tmp_path, monkeypatch):
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")
    few_kinds = {"linear", "mlp", "quanvolution", "no_entanglement"}
    chosen = [arm for arm in arms_of(4) if arm.kind in few_kinds]
    monkeypatch.setattr(mnist, "arms_of", lambda width, qkan: chosen)
    few = {"train": 40, "validation": 10, "test": 20, "seeds": 2, "epochs": 1, "width": 4}
    folder = run(Config(**few, rates="1e30,1e-3"), Places(out=tmp_path / "run"))
    results = json.loads((folder.path / "results.json").read_text())
    assert set(results["arms"]) == {arm.name for arm in chosen}
    assert set(results["verdict"]["differences"]) == {"width", "small", "large"}
    assert results["verdict"]["sentences"][0].startswith("The 5,000/1,000 images of MNIST")
    assert "lose the choice of the learning rate: 1e+30" in results["verdict"]["sentences"][1]
    assert results["arms"]["mlp_4"]["diverged"]["values"] == [1, 1]
    (kept,) = (folder.path / "models").iterdir()
    assert kept.stem == results["verdict"]["kept"]
    assert load(kept)(torch.zeros(2, 784)).shape == (2, 10)
    report = (folder.path / "report.md").read_text()
    assert "| quanvolution | 4 |" in report
    assert "at 95 % for all 9 of them together (Bonferroni)" in report


def test_mistakes():
    for settings, message in (
        ({"rates": "fast"}, "numbers separated by commas"),
        ({"rates": "-1"}, "positive rates"),
        ({"rates": ""}, "rates"),
        ({"seeds": 1}, "seeds to be 2 or more"),
    ):
        with pytest.raises(UsageError, match=message):
            Config(**settings)
