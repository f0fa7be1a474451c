"""Configurations: frozen dataclasses that are written to, read from and compared as TOML."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import tomli_w

from circuits.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["as_mapping", "differences", "from_mapping", "from_toml", "setting", "to_toml"]

C = TypeVar("C", bound="DataclassInstance")


def setting(default: Any, help: str) -> Any:
    """Return a dataclass field with a default and the sentence that explains it."""
    return dataclasses.field(default=default, metadata={"help": help})


def as_mapping(config: DataclassInstance) -> dict[str, Any]:
    """Return the settings that are not None (TOML has no null)."""
    return {k: v for k, v in dataclasses.asdict(config).items() if v is not None}


def to_toml(config: DataclassInstance) -> str:
    """Return the settings as TOML; what is None is left out."""
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


def from_mapping(kind: type[C], mapping: Mapping[str, Any]) -> C:
    """Return a configuration with these settings; the others keep their defaults.

    Raises:
        UsageError: If a setting is unknown or of another type than its default's.

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
    hints = get_type_hints(kind)
    for name, value in mapping.items():
        if name not in hints:
            raise unknown_name("setting", name, hints)
        accepted = get_args(hints[name]) if _is_union(hints[name]) else (hints[name],)
        # A bool is an int to Python, but not to a reader of a configuration.
        if type(value) not in accepted:
            names = " or ".join(t.__name__ for t in accepted if t is not types.NoneType)
            raise UsageError(f"expected {name} to be {names}, got {value!r}")
    return kind(**mapping)


def differences(before: DataclassInstance, after: DataclassInstance) -> list[str]:
    """Return one line per setting that differs, like ``epochs: 60, now 3``."""
    old, new = dataclasses.asdict(before), dataclasses.asdict(after)
    return [f"{name}: {old[name]}, now {new[name]}" for name in old if old[name] != new[name]]


def _is_union(hint: object) -> bool:
    return isinstance(hint, types.UnionType)
