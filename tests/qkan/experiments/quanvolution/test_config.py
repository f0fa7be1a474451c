import pytest

from circuits.errors import UsageError
from qkan.config import from_toml, to_toml
from qkan.experiments.quanvolution import Config


def test_the_defaults_are_the_published_protocol():
    config = Config().settled()
    assert config.is_published_protocol
    assert (config.seeds, config.epochs, config.batch_size) == (30, 60, 4)
    assert (config.train, config.validation) == (50, 30)


def test_more_seeds_or_another_circuit_are_still_the_protocol():
    assert Config(seeds=5, circuit="demo-legacy").is_published_protocol
    assert not Config(epochs=59).is_published_protocol
    assert not Config(full=True).is_published_protocol


def test_full_has_its_own_defaults():
    config = Config(full=True, seeds=2).settled()
    assert (config.seeds, config.train, config.validation) == (2, 55_000, 5_000)


def test_settled_survives_toml():
    assert from_toml(Config, to_toml(Config().settled())) == Config().settled()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 1}, "seeds to be 2 or more"),
        ({"epochs": 0}, "epochs to be 1 or more"),
        ({"batch_size": -1}, "batch_size"),
        ({"evaluate": "fourrier"}, "did you mean .fourier."),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Config(**settings)
