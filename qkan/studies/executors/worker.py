"""One worker process and the pipe to it: whatever happens to it concerns its own task only."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any

import cloudpickle

from qkan.studies.executors.call import execute, one_thread
from qkan.studies.executors.failures import Failure

__all__ = ["Worker", "WorkerDiedError"]

_READY = b"ready"


class WorkerDiedError(Exception):
    """The process has ended without an answer; the message says how."""


class Worker:
    """A spawned process that carries out one call at a time.

    It has a pipe of its own, no queue or lock that it could leave locked or half written when it is killed. It ends
    when this process does, whichever way that happens, and leaves Ctrl-C to it.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="qkan-worker")
        self._started = False
        with one_thread():
            self._process.start()
        theirs.close()  # so that the pipe breaks when the process dies
        # Also when this object is forgotten, and at exit before Python waits for its children.
        self.close = Finalize(self, _end, (self.connection, self._process), exitpriority=1)

    def send(self, content: bytes) -> None:
        """Give it a call; :attr:`connection` becomes readable when :meth:`answer` has something."""
        with suppress(OSError):  # it is dead; answer() will say so
            self.connection.send_bytes(content)

    def answer(self) -> tuple[bool, Any]:
        """Return whether an outcome has come, and the outcome.

        Raises:
            WorkerDiedError: If the process has ended.
        """
        try:
            content = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self._obituary()) from error
        if not self._started:
            self._started = True
            return False, None
        return True, pickle.loads(content)

    @property
    def never_started(self) -> bool:
        """Whether Python itself failed in the new process, before any call."""
        return not self._started and (self._process.exitcode or 0) > 0

    @property
    def alive(self) -> bool:
        """Whether the process of an idle worker has not ended; idle, it has nothing else to say."""
        return not self.connection.poll()

    def _obituary(self) -> str:
        self._process.join()
        code = self._process.exitcode or 0
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = " (was there too little memory?)" if name == "SIGKILL" else ""
        return f"was killed by {name}{hint}"


def _end(connection: Connection, process: BaseProcess) -> None:
    connection.close()
    process.kill()
    process.join()


def _serve(connection: Connection) -> None:
    """Answer calls until the pipe closes: the worker's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        connection.send_bytes(_READY)
        while True:
            connection.send_bytes(_dumped(execute(connection.recv_bytes())))


def _dumped(outcome: Any) -> bytes:
    try:
        return bytes(cloudpickle.dumps(outcome))  # its class may be a notebook's
    except Exception as error:
        reason = f"its result, a {type(outcome).__name__}, cannot be sent back: {error}"
        return pickle.dumps(Failure(reason))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
