from dataclasses import dataclass, field
from typing import ClassVar, Literal

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
class Circle:
    kind: ClassVar[str] = "circle"
    radius: float

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class Box:
    kind: ClassVar[str] = "box"
    corner: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Drawing:
    shape: Circle | Box
    points: tuple[float, ...] = ()
    pen: Literal["fine", "broad"] | None = None
    frame: Box = field(default_factory=Box)


@pytest.mark.parametrize(
    "drawing",
    [Drawing(Circle(2.0)), Drawing(Box((1, 2)), (0.5, 1.0), "fine", Box((3, 4)))],
)
def test_nested_configurations_are_tables(drawing):
    assert from_toml(Drawing, to_toml(drawing)) == drawing
    assert from_mapping(Drawing, as_mapping(drawing)) == drawing


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
    text = 'points = [1, 2.5]\nshape = {kind = "circle", radius = 3}'
    drawing = from_toml(Drawing, text)
    assert drawing == Drawing(Circle(3.0), (1.0, 2.5))
    assert [type(point) for point in drawing.points] == [float, float]
    assert type(drawing.shape.radius) is float
    assert as_mapping(drawing)["shape"] == {"kind": "circle", "radius": 3.0}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "the setting 'shape' is missing; Drawing needs it"),
        ({"shape": {"radius": 1.0}}, "unknown kind of shape 'None'"),
        ({"shape": {"kind": "cirle"}}, "did you mean 'circle'"),
        ({"shape": {"kind": "circle", "radios": 1.0}}, "in shape: unknown setting 'radios'"),
        ({"shape": "circle"}, "expected shape to be Circle or Box, got 'circle'"),
        ({"shape": Box(), "frame": {"kind": "circle"}}, "expected the configuration of a 'box'"),
        ({"shape": Box(), "frame": {"corner": [1]}}, "expected corner to be 2 values"),
        ({"shape": Box(), "points": [1.0, "2"]}, r"expected points\[1\] to be float, got '2'"),
        ({"shape": Box(), "points": 1.0}, "expected points to be several float"),
        ({"shape": Box(), "pen": "broads"}, "unknown pen: 'broads'; did you mean 'broad'"),
        ({"shape": Box(), "pen": 3}, "expected pen to be 'fine' or 'broad', got 3"),
    ],
)
def test_a_wrong_nested_setting_is_named(mapping, message):
    with pytest.raises(UsageError, match=message):
        from_mapping(Drawing, mapping)


def test_constructors_check_types_too():
    with pytest.raises(UsageError, match="expected radius to be float, got True"):
        Circle(True)
    assert Circle(1).radius == 1.0


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    file = tmp_path / "line.toml"
    for content in (None, b"\xff\xfe"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(UsageError, match=r"cannot read the configuration .*line\.toml"):
            read_toml(Line, file)
    file.write_text("width = 3")
    assert read_toml(Line, file) == Line(width=3)
