"""The folder of one run: written atomically, file by file, and continued where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.cache import Store, key
from qkan.cache.files import write_whole
from qkan.config import differences, read_toml, to_toml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["RunFolder"]

C = TypeVar("C", bound="DataclassInstance")


class RunFolder:
    """Where a run keeps its configuration, finished stages, results, figures and report."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, experiment: str, config: DataclassInstance, out: Path | None) -> RunFolder:
        """Make the folder of a new run, by default ``runs/EXPERIMENT-DATE-TIME``.

        Raises:
            UsageError: If ``out`` is a file or holds something already.
            OSError: If it cannot be written.
        """
        path = out or Path("runs") / f"{experiment}-{datetime.now():%Y%m%d-%H%M%S}"
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(
                f"{path} is not an empty folder. Choose another folder with --out, or continue the "
                f"run that is there with --resume {path}"
            )
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        folder.write("config.toml", to_toml(config))
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
            UsageError: If there is no run, or one with other settings (they are named).
        """
        changed = differences(cls.config_of(path, type(config)), config)
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
        """
        meta = {"what": name, "fields": fields}
        return dict(self._stages.get_or_compute(key(stage=name, **fields), compute, meta))

    def finished(self, name: str, fields: Mapping[str, object]) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a stage if it is finished, as :meth:`stage` does; else None."""
        return self._stages.get(key(stage=name, **fields))

    @property
    def _stages(self) -> Store:
        return Store(self.path / "stages")

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file whole or not at all: first beside its place, then moved there."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        write_whole(target, data, target.parent, mode=0o644)
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
        except FileNotFoundError as error:
            raise UsageError(f"the run in {self.path} is not finished") from error
        return "\n".join([*results["verdict"]["sentences"], f"Report: {self.path / 'report.html'}"])
