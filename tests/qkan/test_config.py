from dataclasses import dataclass

import pytest

from circuits.errors import UsageError
from qkan.config import (
    as_mapping,
    differences,
    from_mapping,
    from_toml,
    setting,
    to_toml,
)


@dataclass(frozen=True)
class Settings:
    name: str = setting("demo", "A name.")
    shots: int | None = setting(None, "Shots.")
    full: bool = setting(False, "All of it.")


@pytest.mark.parametrize(
    "settings", [Settings(), Settings('µ "quoted"\n', 7, True), Settings(shots=0)]
)
def test_toml_brings_back_what_was_written(settings):
    assert from_toml(Settings, to_toml(settings)) == settings


def test_none_is_left_out():
    assert as_mapping(Settings()) == {"name": "demo", "full": False}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"shot": 3}, "unknown setting 'shot'; did you mean 'shots'"),
        ({"shots": "3"}, "expected shots to be int, got '3'"),
        ({"shots": True}, "expected shots to be int, got True"),
        ({"full": 1}, "expected full to be bool, got 1"),
        ({"name": 3.5}, "expected name to be str"),
    ],
)
def test_a_wrong_setting_is_refused(mapping, message):
    with pytest.raises(UsageError, match=message.replace("'", ".")):
        from_mapping(Settings, mapping)


def test_text_that_is_no_toml_is_refused():
    with pytest.raises(UsageError, match="not valid TOML"):
        from_toml(Settings, "name = ")


def test_differences_name_what_changed():
    assert differences(Settings(), Settings()) == []
    assert differences(Settings(shots=5), Settings(full=True)) == [
        "shots: 5, now None",
        "full: False, now True",
    ]
