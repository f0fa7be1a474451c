from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.config import (
    as_mapping,
    check,
    differences,
    from_mapping,
    from_toml,
    read_toml,
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


@dataclass(frozen=True)
class Drawing:
    radius: float
    corner: tuple[int, int] = (0, 0)
    points: tuple[float, ...] = ()
    pen: Literal["fine", "broad"] | None = None

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class Line:
    pen: Literal["fine", "broad"] | None = "fine"
    width: int | None = 1


def test_none_is_kept_where_it_is_not_the_default():
    bare = Line(None, None)
    assert as_mapping(bare) == {"pen": "none", "width": "none"}
    assert from_toml(Line, to_toml(bare)) == bare
    assert from_mapping(Line, {"pen": "none"}) == Line(None, 1)


def test_a_users_toml():
    drawing = from_toml(Drawing, "points = [1, 2.5]\nradius = 3\ncorner = [1, 2]")
    assert drawing == Drawing(3.0, (1, 2), (1.0, 2.5))
    assert [type(number) for number in (drawing.radius, *drawing.points)] == 3 * [float]
    assert from_toml(Drawing, to_toml(drawing)) == drawing


def test_numbers_of_numpy_are_numbers():
    drawing = Drawing(np.float64(3.0), (np.int64(1), 2), tuple(np.array([1.0, 2.5])))
    assert type(drawing.radius) is float
    assert type(drawing.corner[0]) is int
    assert from_toml(Drawing, to_toml(drawing)) == drawing
    with pytest.raises(UsageError, match="expected radius to be float, got True"):
        Drawing(np.True_)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "the setting 'radius' is missing; Drawing needs it"),
        ({"corner": [1]}, "expected corner to be 2 values"),
        ({"points": [1.0, "2"]}, r"expected points\[1\] to be float, got '2'"),
        ({"points": 1.0}, "expected points to be several float"),
        ({"pen": "broads"}, "unknown pen: 'broads'; did you mean 'broad'"),
        ({"pen": 3}, "expected pen to be 'fine' or 'broad', got 3"),
        ({"radius": True}, "expected radius to be float, got True"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        from_mapping(Drawing, {"radius": 1.0, **settings} if settings else {})


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    file = tmp_path / "line.toml"
    for content in (None, b"\xff\xfe"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(UsageError, match=r"cannot read .*line\.toml"):
            read_toml(Line, file)
    file.write_text("width = 3")
    assert read_toml(Line, file) == Line(width=3)
