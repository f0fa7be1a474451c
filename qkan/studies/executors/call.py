"""A task as bytes, and the one way to carry it out, in whichever process."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cloudpickle
from threadpoolctl import threadpool_limits

from circuits.errors import UsageError
from qkan.studies.executors.failures import Failure

__all__ = ["execute", "one_thread", "pack"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def pack(function: Callable[[Any], Any], task: Any) -> bytes | Failure:
    """Return the call as bytes; what cannot be written as such is the task's failure.

    Functions of a notebook, lambdas and closures travel whole, those of a module by their name.
    """
    try:
        content: bytes = cloudpickle.dumps((function, task))
    except Exception as error:
        return Failure(
            f"it cannot be sent to another process ({_told(error)}). Pass names, numbers and "
            "arrays, and open files, sessions and devices inside the task"
        )
    return content


def execute(content: bytes) -> Any:
    """Carry out a packed call on one thread; return its result, or the :class:`Failure`."""
    try:
        with one_thread():
            try:
                function, task = cloudpickle.loads(content)
            except (ImportError, AttributeError) as error:
                return Failure(_UNKNOWN.format(_told(error)), traceback.format_exc())
            return function(task)
    except UsageError as error:
        return Failure(str(error), traceback.format_exc())
    except (Exception, SystemExit) as error:
        return Failure(_told(error), traceback.format_exc())


_UNKNOWN = "its worker does not know all of it ({}). Define circuits and classes in a module that workers can import"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


@contextmanager
def one_thread() -> Iterator[None]:
    """Give numerical libraries one thread, and processes that are started in here, too.

    Libraries in memory are told; those that are loaded later, and other processes, read it in the
    environment. A library that is loaded in here keeps its one thread.
    """
    torch = sys.modules.get("torch")  # it has a number of its own beside OpenMP's
    threads = torch.get_num_threads() if torch else 1
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with threadpool_limits(1):
            if torch:
                torch.set_num_threads(1)
            yield
    finally:
        if torch:
            torch.set_num_threads(threads)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
