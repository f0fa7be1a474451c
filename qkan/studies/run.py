"""One run: where it reads and writes, its folder, its tasks, and where its numbers come from."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import qkan
from circuits.errors import UsageError
from circuits.store import explained, inside
from qkan._version import NUMERICS
from qkan.config import differences, read_text, read_toml, to_toml
from qkan.progress import Progress
from qkan.store import CacheError, Store, key, write_whole
from qkan.studies.tasks import Executor, Failure, SerialExecutor, TaskError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Arrays", "Places", "RunFolder", "continued", "opened", "provenance", "run_tasks"]

C = TypeVar("C", bound="DataclassInstance")

_STAMP = f"# A run of hybrid-qkan, numerics {NUMERICS}, settings "
"""Begins the configuration of a run, whose finished tasks a version of other numerics does not know.

A hash of the settings follows: the file is the user's to read, and the tasks follow from what it held at the beginning.
"""

_LONG = 90
"""Seconds; a shorter wait is not announced."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Places:
    """The folders of a run, who is told of its progress, and where its pieces run.

    Attributes:
        out: The folder of a new run; by default one named by experiment, date and time.
        resume: The folder of a run to continue.
        data_dir: Where the full MNIST lies; by default ``QKAN_DATA``.
        cache_dir: Where circuits' results are kept; by default ``QKAN_CACHE``.
        progress: Silent by default.
        executor: Where independent pieces of work run; by default here, one after the other.
        images: Whether figures are saved and shown in the report.
    """

    out: Path | None = None
    resume: Path | None = None
    data_dir: Path | None = None
    cache_dir: Path | None = None
    progress: Progress = field(default_factory=Progress)
    executor: Executor = field(default_factory=SerialExecutor)
    images: bool = True


class RunFolder:
    """Where a run keeps its configuration, finished stages, results, figures and report."""

    def __init__(self, path: Path, *, images: bool = True) -> None:
        self.path, self.images = path, images

    @classmethod
    def create(cls, experiment: str, config: DataclassInstance, out: Path | None) -> RunFolder:
        """Make the folder of a new run, by default ``runs/EXPERIMENT-DATE-TIME``.

        Raises:
            UsageError: If ``out`` is a file or holds something already.
            OSError: If it cannot be written.
        """
        path = (out or Path("runs") / f"{experiment}-{datetime.now():%Y%m%d-%H%M%S}").expanduser()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(
                f"{path} is not an empty folder. Choose another folder with --out, or continue the "
                f"run that is there with --resume {path}"
            )
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        text = to_toml(config)
        folder.write("config.toml", f"{_stamp(text)}\n{text}")
        return folder

    @classmethod
    def config_of(cls, path: Path, kind: type[C]) -> C:
        """Read the configuration that the run in ``path`` was started with.

        Raises:
            UsageError: If there is no run, or one of another experiment.
        """
        file = path / "config.toml"
        if not file.is_file():
            raise UsageError(f"there is no run to resume in {path}: no config.toml")
        try:
            return read_toml(kind, file)
        except UsageError as error:
            raise UsageError(
                f"{file} does not hold settings of this experiment; is it the run of another one? {error}"
            ) from error

    @classmethod
    def resume(cls, path: Path, config: DataclassInstance) -> RunFolder:
        """Open the folder of a run that was started with the same configuration.

        Raises:
            UsageError: If there is no run, or one with other settings (they are named), of another version, or with a
                configuration that was edited since.
        """
        begun = cls.config_of(path, type(config))
        changed, stamp = differences(begun, config), read_text(path / "config.toml").split("\n")[0]
        if not stamp.startswith(_STAMP):
            raise UsageError(
                f"the run in {path} was begun by another version, whose numbers are not those of this one; start a "
                "new run with --out"
            )
        if stamp != _stamp(to_toml(begun)):
            raise UsageError(
                f"{path / 'config.toml'} was edited since the run was begun; put the settings back, or start a new "
                "run with --config and --out"
            )
        if changed:
            raise UsageError(
                f"the run in {path} was started with other settings ({'; '.join(changed)}). Resume "
                "it without them, or start a new run with --out"
            )
        return cls(path)

    def stage(
        self,
        name: str,
        fields: Mapping[str, object],
        compute: Callable[[], Mapping[str, NDArray[Any]]],
    ) -> dict[str, NDArray[Any]]:
        """Return the arrays of a finished stage, or compute and keep them.

        A damaged file counts as missing (with a warning), so its stage is computed again.

        Args:
            name: What the stage is called.
            fields: All that changes its numbers.
            compute: Returns them.

        Raises:
            CacheError: If they cannot be written.
            UsageError: If they are nothing that can be kept.
        """
        arrays = self.finished(name, fields)
        if arrays is None:
            arrays = dict(compute())
            meta = {"what": name, "fields": fields}
            self._stages.put(key(stage=name, **fields), arrays, meta)
        return arrays

    def finished(self, name: str, fields: Mapping[str, object]) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a stage if it is finished, as :meth:`stage` does; else None."""
        return self._stages.get(key(stage=name, **fields))

    @property
    def _stages(self) -> Store:
        return Store(self.inside("stages/any").parent)

    def inside(self, name: str) -> Path:
        """Return the path of a file in this folder, see :func:`circuits.store.inside`; its folder is made."""
        target = inside(self.path, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file whole or not at all: first beside its place, then moved there.

        Raises:
            UsageError: If it cannot be written.
        """
        try:
            target = self.inside(name)
            write_whole(target, content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise UsageError(f"cannot write {self.path / name}: {explained(error)}") from error
        return target

    def write_json(self, name: str, content: Any) -> Path:
        """Write JSON that is strict: a NaN is an error, not an extension of the format."""
        return self.write(name, json.dumps(content, indent=2, allow_nan=False) + "\n")

    def summary(self) -> str:
        """Return the sentences of a finished run's verdict, and where its report is.

        Raises:
            UsageError: If the run is not finished.
        """
        try:
            results = json.loads((self.path / "results.json").read_text(encoding="utf-8"))
            sentences = list(map(str, results["verdict"]["sentences"]))
        except FileNotFoundError as error:
            raise UsageError(f"the run in {self.path} is not finished") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self.path / 'results.json'} is damaged ({error}); write it again with --resume {self.path}"
            ) from error
        return "\n".join([*sentences, f"Report: {self.path / 'report.html'}"])


@contextmanager
def opened(experiment: str, config: DataclassInstance, places: Places) -> Iterator[RunFolder]:
    """Make the folder of a run, or open the one to resume; an interrupt says how to go on.

    Raises:
        UsageError: If the folder is not empty, or what is to be resumed is another run.
    """
    if places.resume:
        folder = RunFolder.resume(places.resume, config)
    else:
        folder = RunFolder.create(experiment, config, places.out)
    folder.images = places.images
    with continued(f"qkan reproduce {experiment}", folder):
        yield folder


@contextmanager
def continued(command: str, folder: RunFolder) -> Iterator[None]:
    """Say how to go on after an interrupt, or when nothing more can be written."""
    on = f"Continue with: {command} --resume {folder.path}"
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(on)
        raise
    except CacheError as error:
        raise UsageError(f"{error} {on}") from error


def run_tasks(
    function: Callable[..., Mapping[str, NDArray[Any]]],
    tasks: Mapping[str, Mapping[str, Any]],
    folder: RunFolder,
    executor: Executor | None = None,
    progress: Progress | None = None,
    *,
    fields: Mapping[str, object] | None = None,
    what: str = "tasks",
) -> dict[str, Arrays]:
    """Return ``{name: function(**settings)}``, of which a run's folder keeps every single one at once.

    A run that was killed goes on with those that are missing; none is done twice. A damaged file counts as missing
    (with a warning). A task is known by its name, its settings and ``fields``.

    Args:
        function: Returns named arrays of numbers; its numbers must follow from its settings alone, so a seed is one of
            them. It is sent to its worker, as the settings are: load large data inside it.
        tasks: The settings of every task by its name. They may be what :func:`qkan.store.key` takes.
        folder: Where results are kept.
        executor: Where tasks run; by default one after the other, here.
        progress: Is told of every finished task.
        fields: What else changes the numbers, such as the data's checksum.
        what: Names the whole in the progress.

    Raises:
        UsageError: If a setting cannot be part of a key; before anything runs.
        TaskError: If tasks failed; after all others are finished and kept.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> def square(x):
        ...     return {"y": np.array(x**2)}
        >>> with tempfile.TemporaryDirectory() as path:
        ...     results = run_tasks(square, {"two": {"x": 2}, "three": {"x": 3}}, RunFolder(Path(path)))
        >>> int(results["three"]["y"])
        9
    """
    progress, what_else = progress or Progress(), dict(fields or {})
    keys = {name: {"settings": dict(each), "of": what_else} for name, each in tasks.items()}
    found = {name: folder.finished(name, keys[name]) for name in tasks}
    results = {name: arrays for name, arrays in found.items() if arrays is not None}
    missing = [name for name in tasks if name not in results]
    if not missing:
        return results
    there, total, started = len(results), len(tasks), time.monotonic()
    if there:
        progress.say(f"{what}: {there} of {total} are there already")
    outcomes = (executor or SerialExecutor()).outcomes(
        partial(_call, function), (dict(tasks[name]) for name in missing)
    )
    failures: dict[str, Failure] = {}
    with progress.task(what, total) as advance, closing(outcomes):
        advance(there, total)
        for index, outcome in outcomes:
            name = missing[index]
            kept = _kept(folder, name, keys[name], outcome)
            if isinstance(kept, Failure):
                failures[name] = kept
                progress.say(f"{name}: failed, {kept.reason}")
                continue
            results[name] = kept
            done = len(results)
            left = (time.monotonic() - started) / (done - there) * (total - done)
            about = f", about {left / 60:.0f} min left" if left > _LONG else ""
            progress.say(f"{name}: finished, {done} of {total}{about}")
            advance(done, total)
    if failures:
        raise TaskError(
            {name: failures[name] for name in missing if name in failures}, len(missing)
        )
    return {name: results[name] for name in tasks}


def _kept(
    folder: RunFolder, name: str, fields: Mapping[str, object], outcome: Any
) -> Arrays | Failure:
    """Return a task's arrays as the folder keeps them; what it cannot keep is the failure of this task alone."""
    if isinstance(outcome, Failure):
        return outcome
    try:
        return folder.stage(name, fields, lambda: outcome)
    except CacheError:  # the disk is full: there is no use in going on
        raise
    except UsageError as error:
        return Failure(str(error))


def _stamp(text: str) -> str:
    return _STAMP + hashlib.sha256(text.encode()).hexdigest()[:16]


def _call(
    function: Callable[..., Mapping[str, NDArray[Any]]], settings: dict[str, Any]
) -> Mapping[str, NDArray[Any]]:
    result = function(**settings)
    if not isinstance(result, Mapping):
        raise UsageError(
            f"expected a task to return named arrays, such as {{'loss': array}}, got a {type(result).__name__}"
        )
    return {name: np.asarray(values) for name, values in result.items()}


PACKAGES = ("torch", "pennylane", "numpy", "scipy")


def provenance() -> dict[str, Any]:
    """Return what a reader needs to run the same again; neither host names nor paths.

    Example:
        >>> sorted(provenance())
        ['commit', 'date', 'platform', 'versions']
    """
    versions = {"python": platform.python_version(), "hybrid-qkan": qkan.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "commit": _commit(Path(qkan.__file__).parent),
    }


def _commit(package: Path) -> str | None:
    """Return the commit of the checkout that holds the package, "-dirty" if it was edited.

    An installed package may lie inside somebody else's checkout (their ``.venv``), so git must
    also know the package's own files.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "_version.py")
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
