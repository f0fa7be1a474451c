import pytest

from circuits.errors import UsageError
from qkan.config import from_mapping
from qkan.experiments.notebook_networks import make
from qkan.experiments.reproductions.definitions import DEFINITIONS
from qkan.training import TrainingConfig

ARMS = {arm.name: arm for definition in DEFINITIONS.values() for arm in definition.arms}


@pytest.mark.parametrize(
    ("arm", "parameters"),
    [
        # dense layers alone: the spline is not trained
        ("scipy_kan", 784 * 128 + 128 + 128 * 10 + 10),
        # 8 amplitudes an edge, 8 frequencies a layer, a bias an output
        ("width_64_gamma_0.8", 8 * (784 * 64 + 64 * 10) + 8 + 8 + 64 + 10),
        ("width_256_gamma_0.8", 8 * (784 * 256 + 256 * 10) + 8 + 8 + 256 + 10),
        # 28 -> 29 -> 14 -> 15 -> 7 pixels across
        ("cnn", 4 * 32 + 32 + 4 * 32 * 64 + 64 + 7 * 7 * 64 * 128 + 128 + 128 * 10 + 10),
        ("width_512", 784 * 512 + 512 + 512 * 10 + 10),
    ],
)
def test_the_architectures_are_the_published_ones(arm, parameters):
    assert make(ARMS[arm].model).num_parameters == parameters


def test_the_published_accuracies_and_epochs():
    published = {name: arm.published for name, arm in ARMS.items()}
    assert published["scipy_kan"] == 0.9502
    assert published["table_kan"] == 0.8947
    assert published["cnn"] is None
    assert [published[f"width_{w}_gamma_0.8"] for w in (64, 128, 256)] == [0.9651, 0.9707, 0.9739]
    assert [published[f"width_{w}_gamma_0.9"] for w in (64, 128)] == [0.9652, 0.9694]
    assert published["width_128_gamma_0.8_rate_0.04"] == 0.9306
    epochs = {name: arm.training["epochs"] for name, arm in ARMS.items()}
    assert (epochs["scipy_kan"], epochs["table_kan"], epochs["cnn"]) == (60, 10, 10)
    assert (epochs["width_64_gamma_0.8"], epochs["width_128_gamma_0.8_rate_0.04"]) == (5, 20)


@pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)
def test_every_training_can_be_set_up(arm):
    config = from_mapping(TrainingConfig, arm.training)
    assert config.batch_size == 64


def test_a_misspelt_setting_is_found_before_the_training():
    from qkan.experiments.mnist_task import Images, arm

    images = Images.of(train=20, test=10)
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        arm({"kind": "mlp", "sizes": [784, 10]}, {"epoch": 3}, images)
    with pytest.raises(UsageError, match="did you mean 'sizes'"):
        arm({"kind": "mlp", "size": [784, 10]}, {}, images)
