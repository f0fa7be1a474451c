"""The published protocol, held against the published run and against 200 independent seeds.

These train thirty seeds in full, some seconds a circuit: nothing shorter shows the statistics.
"""

import math

import numpy as np
import pytest
import torch

from qkan.data import mnist
from qkan.experiments.quanvolution.config import Config
from qkan.experiments.quanvolution.published import PUBLISHED
from qkan.experiments.quanvolution.setup import Setup
from qkan.experiments.quanvolution.small import pixels, train_arms
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import compare_with_published

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
    path = tmp_path_factory.mktemp("run")
    config = Config(circuit=request.param).settled()
    places = Places(cache_dir=path / "cache")
    folder = RunFolder.create("test", config, path / "run")
    data = mnist(train=config.train, test=config.validation)
    histories = train_arms(Setup.of(config, places), data, folder, places)
    return request.param, {arm: history.final() for arm, history in histories.items()}


@pytest.mark.parametrize("arm", ["quantum", "classical"])
def test_means_and_spreads_are_those_of_independent_seeds(trained, arm):
    circuit, finals = trained
    for metric, (mean, sd) in REFERENCE.get((circuit, arm), {}).items():
        values = finals[arm][metric]
        error = sd * math.sqrt(1 / len(values) + 1 / 200)
        rounding = 10.0 ** -len(str(mean).split(".")[1]) / 2
        assert values.mean() == pytest.approx(mean, abs=3.5 * error + rounding), metric
        assert 0.6 < values.std(ddof=1) / sd < 1.6, metric


def test_the_published_run_is_one_of_the_demos_and_not_of_the_older_circuits(trained):
    circuit, finals = trained
    checks = compare_with_published(finals, PUBLISHED)
    outside = [(a, m) for a, ms in checks.items() for m, c in ms.items() if not c["inside"]]
    assert outside == ([] if circuit == "demo" else [("quantum", "train_loss")])


def test_the_check_sums_of_the_features(tmp_path):
    setup = Setup.of(Config().settled(), Places(cache_dir=tmp_path))
    data = mnist(train=50, test=30)
    for images, expected in [
        (data.train_images, -4192.717263655683),
        (data.test_images, -2557.634856652846),
    ]:
        features, circuits = setup.features(setup.circuit, pixels(images))
        assert features.sum().item() == pytest.approx(expected, abs=1e-8)
        assert circuits == setup.circuit.num_nodes


def test_direct_evaluation_gives_the_same_features_from_distinct_patches(tmp_path):
    images = pixels(mnist(train=3, test=1).train_images)
    exact, direct = (
        Setup.of(Config(evaluate=e).settled(), Places(cache_dir=tmp_path))
        for e in ("fourier", "direct")
    )
    expected, _ = exact.features(exact.circuit, images)
    features, circuits = direct.features(direct.circuit, images)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-12)
    patches = torch.nn.functional.unfold(images, 2, stride=2).movedim(1, 2).reshape(-1, 4)
    assert circuits == len(np.unique(patches.numpy(), axis=0))


def test_with_shots_every_patch_is_sampled_on_its_own(tmp_path):
    config = Config(evaluate="direct", shots=10, backend="default.qubit").settled()
    setup = Setup.of(config, Places(cache_dir=tmp_path))
    black = torch.zeros(11, 1, 28, 28, dtype=torch.float64)
    features, circuits = setup.features(setup.circuit, black)
    assert circuits == 11 * 14 * 14
    rows = features.movedim(1, -1).reshape(-1, 4)
    assert len(torch.unique(rows[:1024], dim=0)) > 1
    # The second chunk has the inputs of the first.
    assert not torch.equal(rows[:1024], rows[1024:2048])
    again, _ = setup.features(setup.circuit, black)
    assert torch.equal(again, features)
