"""A stable hash of what a circuit computes."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import sysconfig
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np
from pennylane.operation import Operator

from circuits.gates import GateTable, Parameter
from circuits.tape import spell, spell_numbers, spell_observable

__all__ = ["fingerprint"]

_LIBRARIES = tuple(
    os.path.realpath(sysconfig.get_path(which)) + os.sep
    for which in ("stdlib", "purelib", "platlib")
)


def fingerprint(
    name: str,
    facts: Iterable[str],
    table: GateTable,
    observables: Sequence[Operator],
    function: Any,
) -> str:
    """Return the SHA-256, in hex, of a circuit's gates, observables and spectrum.

    Gates and angles come from the circuit's table, so renaming, reformatting or rewriting the function leaves the hash
    alone and a changed gate or rate does not. What the table does not know (an angle that is not linear, a function
    that symbols cannot pass) is in the function's code, and in all that the code leans on: closures, globals,
    defaults, arguments of partial functions, helpers. If that holds something that has no lasting text, the hash is
    a random one and a warning says so: results are then kept for no other process.
    """
    digest = hashlib.sha256()
    try:
        for part in chain(facts, _read(table, observables, function)):
            digest.update(part.encode() + b"\0")
    except _UncoveredError as error:
        warnings.warn(
            f"results of circuit {name!r} are not kept: its function leans on {error}, of which it is not "
            "known whether it stays the same; make it of numbers, arrays, gates and functions",
            stacklevel=4,
        )
        return hashlib.sha256(os.urandom(32)).hexdigest()
    return digest.hexdigest()


def _read(table: GateTable, observables: Sequence[Operator], function: Any) -> Iterator[str]:
    for gate in table.gates:
        yield spell(gate, angles=False)
    for parameter in table.parameters:
        yield f"{parameter.gate} {parameter.index} {_parameter(table, parameter)}"
    for observable in observables:
        yield "measure " + spell_observable(observable)
    if not table.exact:
        yield from _text(function, set())


def _parameter(table: GateTable, parameter: Parameter) -> str:
    form = parameter.form
    if not parameter.angle:
        return "moves" if parameter.value is None else spell_numbers(parameter.value)
    names = table.variables
    terms = sorted((names[k], f"{rate:.10g}") for k, rate in form.rates.items())
    constant = 0.0 if abs(form.constant) <= 1e-12 * form.size else form.constant
    return f"{terms} {constant:.10g} {sorted(names[k] for k in form.bent)}"


_PLAIN = (bool, int, float, complex, str, bytes, np.generic, slice, range, np.dtype, type(...))


_OUTSIDE = frozenset(
    (
        *(
            "globals",
            "locals",
            "vars",
            "getattr",
            "eval",
            "exec",
            "__import__",
            "import_module",
            "open",
        ),
        *("input", "environ", "getenv", "read_text", "read_bytes", "time", "now", "today"),
        *("load", "loadtxt", "fromfile", "getrandbits", "random", "rand", "randn", "default_rng"),
    )
)
"""Names by which code reaches for what its text does not hold: files, the environment, clocks, names made of text."""

_BY_PYTHON = frozenset(
    (
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__"),
        *(
            "__firstlineno__",
            "__static_attributes__",
            "__dataclass_fields__",
            "__dataclass_params__",
        ),
        *("__match_args__", "__orig_bases__", "__parameters__", "__abstractmethods__", "_abc_impl"),
    )
)


class _UncoveredError(Exception):
    """Something in a function has no text that is the same in every process."""


def _text(value: Any, seen: set[Any], names: tuple[str, ...] = ()) -> Iterator[str]:
    """Spell a value out: data by what they hold, functions by their code and all that it leans on.

    Args:
        value: What to spell.
        seen: What has been spelled already.
        names: The names that the code uses, which tell what it takes from a module.
    """
    if isinstance(value, _PLAIN) or value is None:
        yield f"{type(value).__name__} {value!r}"
    elif (id(value), *_asked(value, names)) in seen:
        yield "again"
    elif isinstance(value, set | frozenset):  # its order changes from process to process
        yield str(sorted(" ".join(_text(item, seen, names)) for item in value))
    else:
        seen.add((id(value), *_asked(value, names)))
        found = _of_data(value) or _of_code(value, names)
        if found is None:
            raise _UncoveredError(f"a {type(value).__module__}.{type(value).__qualname__}")
        label, parts = found
        yield label
        inside = _used(value.__code__) if isinstance(value, types.FunctionType) else names
        for part in parts:
            yield from _text(part, seen, inside)


def _asked(value: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Of a module, other code takes other things."""
    return names if isinstance(value, types.ModuleType) else ()


def _of_data(value: Any) -> tuple[str, Iterable[Any]] | None:  # noqa: PLR0911  (a case each)
    """Return a label of its own, and the values that it is made of."""
    if type(value).__module__ == "circuits.definition" and hasattr(value, "fingerprint"):
        return value.fingerprint, ()
    if isinstance(value, Operator):
        return spell(value), ()
    if isinstance(value, type):
        return None
    if isinstance(value, np.ndarray) or (
        type(value).__module__.startswith("torch") and hasattr(value, "detach")
    ):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.dtype == object:
            return f"objects {array.shape}", array.ravel().tolist()
        return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}", ()
    if isinstance(value, Mapping):
        return f"mapping {len(value)}", (part for item in value.items() for part in item)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} {len(value)}", value
    return None


def _of_code(value: Any, names: tuple[str, ...]) -> tuple[str, Iterable[Any]] | None:  # noqa: PLR0911  (a case each)
    if isinstance(value, functools.partial):
        return "partial", (value.func, value.args, value.keywords)
    if isinstance(value, types.MethodType):
        return "method", (value.__func__, value.__self__)
    if isinstance(value, types.ModuleType):
        own = () if _of_library(value.__name__) else names
        return value.__name__, [getattr(value, name) for name in own if hasattr(value, name)]
    if isinstance(value, types.BuiltinFunctionType | np.ufunc):
        return repr(value), ()
    if _of_library(getattr(value, "__module__", None)) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}", ()
    if isinstance(value, types.FunctionType):
        return _code(value.__code__), _leans_on(value)
    if isinstance(value, type):
        kinds = [kind for kind in value.__mro__ if not _of_library(kind.__module__)]
        return value.__qualname__, [part for kind in kinds for part in _members(kind)]
    if hasattr(value, "__dict__") and not _of_library(type(value).__module__):
        return "object", (type(value), vars(value))
    return None


def _members(kind: type) -> Iterator[Any]:
    """Yield the names and values of a class's own attributes: methods, properties, constants."""
    for name, value in vars(kind).items():
        if isinstance(value, property):
            yield from (name, value.fget)
        elif name not in _BY_PYTHON and not isinstance(value, types.MemberDescriptorType):
            yield from (name, getattr(value, "__func__", value))


def _leans_on(function: types.FunctionType) -> Iterator[Any]:
    yield from (function.__defaults__, function.__kwdefaults__, function.__dict__)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is filled later
            yield cell.cell_contents
    if os.path.realpath(function.__code__.co_filename).startswith(_LIBRARIES):
        return  # a library's, around a function of the user's
    for name in _used(function.__code__):
        if name in _OUTSIDE:
            raise _UncoveredError(f"what {name!r} gives")
        if name in function.__globals__:
            yield name
            yield function.__globals__[name]


def _used(code: types.CodeType) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_names(code)))


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _code(code: types.CodeType) -> str:
    parts = [code.co_code.hex(), str(code.co_names)]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            parts.append(_code(constant))
        else:
            parts.append(
                str(sorted(map(repr, constant)))
                if isinstance(constant, frozenset)
                else repr(constant)
            )
    return "\0".join(parts)


def _of_library(module: str | None) -> bool:
    """Whether a module is Python's or was installed: its version stands for what it does."""
    root = (module or "").partition(".")[0]
    if root in sys.stdlib_module_names or root == "circuits":
        return root != "__main__"
    path = getattr(sys.modules.get(module or ""), "__file__", None)
    return path is not None and os.path.realpath(path).startswith(_LIBRARIES)
