"""Configurations: frozen dataclasses that are written to, read from and compared as TOML or JSON."""

from __future__ import annotations

import dataclasses
import math
import stat
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import tomli_w

from circuits.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "as_mapping",
    "at_least",
    "check",
    "differences",
    "from_mapping",
    "from_toml",
    "positive_numbers",
    "read_text",
    "read_toml",
    "setting",
    "to_toml",
]

C = TypeVar("C", bound="DataclassInstance")

_MOST_BYTES = 10_000_000


def setting(default: Any, help: str) -> Any:
    """Return a dataclass field with a default and the sentence that explains it."""
    return dataclasses.field(default=default, metadata={"help": help})


def as_mapping(config: DataclassInstance) -> dict[str, Any]:
    """Return the settings; TOML has no null, so None is left out where it is the default, else it is ``"none"``."""
    values = {field: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {
        field.name: "none" if value is None else value
        for field, value in values.items()
        if value is not None or field.default is not None
    }


def to_toml(config: DataclassInstance) -> str:
    """Return the settings as TOML; see :func:`as_mapping`."""
    return tomli_w.dumps(as_mapping(config))


def from_toml(kind: type[C], text: str) -> C:
    """Return the configuration that ``to_toml`` wrote, or that a user did.

    Raises:
        UsageError: If the text is not TOML, a setting is unknown or of another type.
    """
    try:
        return from_mapping(kind, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the configuration is not valid TOML: {error}") from error


def read_toml(kind: type[C], path: Path) -> C:
    """Return the configuration in a TOML file.

    Raises:
        UsageError: If it cannot be read, or as :func:`from_toml` says.
    """
    text = read_text(path)
    try:
        return from_toml(kind, text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def read_text(path: Path) -> str:
    """Return the text of a file that people write, such as settings.

    Raises:
        UsageError: If it is no such file: missing, a folder, a device, of more than 10 MB, not text.
    """
    try:
        facts = path.stat()
        if stat.S_ISREG(facts.st_mode) and facts.st_size <= _MOST_BYTES:
            return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    raise UsageError(f"cannot read {path}: expected a file of text of at most 10 MB")


def from_mapping(kind: type[C], mapping: Mapping[str, Any]) -> C:
    """Return a configuration with these settings; the others keep their defaults.

    Lists become tuples, whole numbers floats, ``"none"`` None where such are expected, and NumPy's numbers Python's.

    Raises:
        UsageError: If a setting is unknown, missing or of another type than is declared.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Settings:
        ...     epochs: int = 60
        >>> from_mapping(Settings, {"epochs": 3})
        Settings(epochs=3)
        >>> from_mapping(Settings, {"epoch": 3})
        Traceback (most recent call last):
        circuits.errors.UsageError: unknown setting 'epoch'; did you mean 'epochs'? Known: epochs
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in mapping:
        if name not in fields:
            raise unknown_name("setting", name, fields)
    for name, field in fields.items():
        nothing = field.default is field.default_factory is dataclasses.MISSING
        if nothing and name not in mapping:
            raise UsageError(f"the setting {name!r} is missing; {kind.__name__} needs it")
    hints = get_type_hints(kind)
    return kind(**{name: _convert(name, value, hints[name]) for name, value in mapping.items()})


def check(config: DataclassInstance) -> None:
    """Hold every setting to its declared type, as :func:`from_mapping` does; for ``__post_init__``.

    Raises:
        UsageError: If a setting is of another type.
    """
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = _convert(field.name, getattr(config, field.name), hints[field.name])
        object.__setattr__(config, field.name, value)  # the configuration is frozen for others


def at_least(config: DataclassInstance, **least: float) -> None:
    """Hold settings to the smallest value of each, for ``__post_init__``; None is left alone.

    Raises:
        UsageError: If a setting is smaller.
    """
    for name, smallest in least.items():
        value = getattr(config, name)
        if value is not None and value < smallest:
            raise UsageError(f"expected {name} to be {smallest} or more, got {value}")


def positive_numbers(name: str, text: str) -> tuple[float, ...]:
    """Return the numbers of a setting that lists them, separated by commas.

    Raises:
        UsageError: If one is no number, or not positive.

    Example:
        >>> positive_numbers("rates", "1e-3, 3e-3")
        (0.001, 0.003)
    """
    try:
        numbers = tuple(float(number) for number in text.split(","))
    except ValueError as error:
        expected = "numbers separated by commas, such as 1e-3,3e-3"
        raise UsageError(f"expected {name} to be {expected}, got {text!r}") from error
    if not min(numbers) > 0:
        raise UsageError(f"expected positive {name}, got {text!r}")
    return numbers


def differences(before: DataclassInstance, after: DataclassInstance) -> list[str]:
    """Return one line per setting that differs, like ``epochs: 60, now 3``."""
    old, new = dataclasses.asdict(before), dataclasses.asdict(after)
    return [f"{name}: {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]


def _convert(name: str, value: Any, hint: Any) -> Any:
    """Return ``value`` as what ``hint`` asks for."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()  # a NumPy number, found without importing NumPy
    members = get_args(hint) if get_origin(hint) in (types.UnionType, Union) else (hint,)
    if any(_is(value, member) for member in members):
        return value
    if value == "none" and types.NoneType in members:
        return None
    for member in members:
        if get_origin(member) is tuple and isinstance(value, list | tuple):
            return _tuple(name, value, get_args(member))
        if member is float and type(value) is int and _is_plain(value):
            return float(value)
    choices = [c for member in members if get_origin(member) is Literal for c in get_args(member)]
    if choices and isinstance(value, str):
        raise unknown_name(f"{name}:", value, map(str, choices))
    expected = " or ".join(_describe(m) for m in members if m is not types.NoneType)
    if isinstance(value, int | float) and not isinstance(value, bool) and not _is_plain(value):
        expected += f" that is finite{' and of at most 63 bits' if isinstance(value, int) else ''}"
    raise UsageError(f"expected {name} to be {expected}, got {value!r}")


def _is(value: Any, hint: Any) -> bool:
    """Tell whether a value needs no conversion."""
    if get_origin(hint) is Literal:
        return any(value is c or (type(value) is type(c) and value == c) for c in get_args(hint))
    if isinstance(value, int | float) and not _is_plain(value):
        return False
    # A bool is an int to Python, but not to a reader of a configuration.
    return type(value) is (get_origin(hint) if get_origin(hint) is dict else hint)


def _is_plain(number: float) -> bool:
    """Tell whether a number is finite, and can be one of torch's and TOML's."""
    return -(2**63) <= number < 2**63 if isinstance(number, int) else math.isfinite(number)


def _tuple(name: str, value: list[Any] | tuple[Any, ...], items: tuple[Any, ...]) -> Any:
    if len(items) == 2 and items[1] is Ellipsis:
        items = items[:1] * len(value)
    if len(value) != len(items):
        raise UsageError(f"expected {name} to be {len(items)} values, got {list(value)!r}")
    pairs = zip(value, items, strict=True)
    return tuple(_convert(f"{name}[{k}]", part, item) for k, (part, item) in enumerate(pairs))


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        item, *rest = get_args(hint)
        return f"several {item.__name__}" if rest == [Ellipsis] else f"{1 + len(rest)} values"
    return str(getattr(hint, "__name__", hint))
