import json

import pytest

from circuits.errors import UsageError
from qkan.experiments.mnist_task import Images
from qkan.experiments.sinekan_sweep import Arm, Config, arms_of, run
from qkan.studies.run import Places

FEW = {
    "train": 40, "validation": 10, "test": 20, "seeds": 2, "epochs": 1,
    "rates": "1e-3,1e30", "gammas": "0.8,0.9", "widths": "4", "decays": "0.01,1", "line": "4,8", "depths": "2",
}  # fmt: skip


def test_the_published_grids():
    grids = arms_of(Config(whole=True).settled())
    assert len(grids["grid"]) == 5 * 3 * 3
    assert Arm(rate=2e-4, gamma=0.8, width=256) in grids["grid"]
    assert [arm.decay for arm in grids["weight decay"]][:: len(grids["weight decay"]) - 1] == [
        0.01,
        1,
    ]
    assert [arm.width for arm in grids["width"]] == [16, 32, 64, 128, 256, 512]
    assert [arm.depth for arm in grids["depth"]] == [1, 2, 3, 4]
    deep = grids["depth"][2].settings(5, Images.of())
    assert deep["model"]["sizes"] == [784, 64, 64, 64, 10]


def test_lines_change_one_setting_alone():
    for what, arms in arms_of(Config().settled()).items():
        if what != "grid":
            assert len({(arm.rate, arm.gamma) for arm in arms}) == 1


@pytest.mark.slow
def test_a_run_from_settings_to_report(tmp_path, monkeypatch):
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")
    folder = run(Config(**FEW), Places(out=tmp_path / "run"))
    results = json.loads((folder.path / "results.json").read_text())
    assert len(results["arms"]) == 2 + 2 + 2 + 1  # and two that diverge
    assert " ".join(results["verdict"]["sentences"]).count("rate_1e+30") == 2
    best = Arm(**results["verdict"]["best"]).name
    tested = {arm for arm, metrics in results["arms"].items() if "test_accuracy" in metrics}
    assert tested == {best}  # the test images judge nothing
    highest = max(results["arms"].values(), key=lambda m: m["val_accuracy"]["mean"])
    assert results["arms"][best]["val_accuracy"]["mean"] == highest["val_accuracy"]["mean"]
    names = {path.name for path in (folder.path / "figures").iterdir()}
    assert names == {
        f"{name}.{kind}" for name in ("grid", "lines", "curves") for kind in ("png", "pdf")
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": "64,many"}, "widths to be numbers"),
        ({"depths": "1.5"}, "depths to be whole numbers"),
        ({"rates": "0"}, "positive rates"),
        ({"gammas": ","}, "gammas to be numbers"),
    ],
)
def test_mistakes(settings, message):
    with pytest.raises(UsageError, match=message):
        Config(**settings)
