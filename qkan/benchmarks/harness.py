"""Measure callables against each other, so that the ratios mean something on a shared machine.

The cases take turns in one process, on one thread, after a warm-up; what counts is process CPU
time, and the median turn. The allocator is declared: with glibc's default thresholds, blocks above
128 KiB come from ``mmap`` and every step pays for fresh pages, so the same code is up to 2.8 times
slower.
"""

from __future__ import annotations

import ctypes
import json
import platform
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from circuits.errors import UsageError, check_integer, unknown_name
from qkan.studies.run import provenance

__all__ = ["Case", "Report", "Row", "measure", "raise_malloc_thresholds", "training_step"]

_WARM_UP = 3
"""Untimed calls that go before."""


@dataclass(frozen=True)
class Case:
    """One thing to time: calling ``run`` does it once.

    Attributes:
        name: The name of the case, unique in its benchmark.
        run: What is timed. It must leave things as it found them, for it is called many times.
        against: The case whose time divides this one's; by default this one itself.
        floor: The case that bounds this one from below; its ratio is printed beside.
        target: The ratio that this case is meant to stay under; printed, never enforced.
        times: What ``run`` does is this part of the whole: its time is multiplied up. Say so in the name.
    """

    name: str
    run: Callable[[], object]
    against: str | None = None
    floor: str | None = None
    target: float | None = None
    times: float = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the result; ``peak_mb`` is what one call allocates at most, in 10^6 bytes."""

    case: str
    cpu_ms: float
    ratio: float
    against: str
    peak_mb: float | None


@dataclass(frozen=True)
class Report:
    """What a benchmark found, and under which conditions."""

    benchmark: str
    threads: int
    allocator: str
    repetitions: int
    versions: dict[str, str]
    rows: tuple[Row, ...]
    cases: tuple[Case, ...]

    def write_json(self, path: str | Path) -> None:
        """Write the rows and the conditions to ``path``."""
        document = asdict(replace(self, cases=()))
        del document["cases"]
        Path(path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    def print(self, console: Console | None = None) -> None:
        """Print the table, with the floor and the target beside each ratio."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        table = Table(
            title=f"qkan bench {self.benchmark}",
            caption=f"Process CPU time, median of {self.repetitions} turns; threads: "
            f"{self.threads}; allocator: {self.allocator}; {versions}",
        )
        for heading in ("case", "CPU ms", "ratio", "floor", "target", "against", "peak MB"):
            table.add_column(heading, justify="left" if heading in {"case", "against"} else "right")
        cpu_ms = {row.case: row.cpu_ms for row in self.rows}
        for case, row in zip(self.cases, self.rows, strict=True):
            table.add_row(
                row.case,
                f"{row.cpu_ms:.3f}",
                f"{row.ratio:.2f}x",
                f"{cpu_ms[case.floor] / cpu_ms[row.against]:.2f}x" if case.floor else "",
                "" if case.target is None else f"<= {case.target:g}x",
                "" if row.against == row.case else row.against,
                "" if row.peak_mb is None else f"{row.peak_mb:.1f}",
            )
        width = None if sys.stdout.isatty() else 1000  # a pipe cuts nothing short
        (console or Console(width=width)).print(table)


def training_step(
    module: nn.Module, loss: Callable[[], Tensor], rate: float = 1e-3
) -> Callable[[], object]:
    """Return a step of training to time: forward, loss, backward, and Adam.

    Args:
        module: What is trained.
        loss: Computes what is made smaller.
        rate: Adam's learning rate.
    """
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(loss())
        optimizer.step()

    return step


def measure(
    benchmark: str,
    cases: Sequence[Case],
    *,
    repetitions: int = 21,
    turn_ms: float = 10.0,
    memory: bool = True,
) -> Report:
    """Time ``cases`` in turns, on one thread, after a warm-up and with glibc's thresholds raised for the whole process.

    Args:
        benchmark: The name of the benchmark.
        cases: What to time; names are unique, and ``against`` and ``floor`` name other cases.
        repetitions: How many turns each case gets.
        turn_ms: A turn repeats a case that is shorter than this, until it fills that CPU time.
        memory: Whether to measure, in one more call each, the peak of what a case allocates.

    Raises:
        UsageError: If there is no case, a name occurs twice, or a case refers to an unknown one.

    Example:
        >>> x = torch.ones(8, 8)
        >>> cases = [Case("sum", x.sum), Case("product", lambda: x @ x, against="sum")]
        >>> report = measure("demo", cases, repetitions=3, turn_ms=0.1)
        >>> [row.against for row in report.rows]
        ['sum', 'sum']
    """
    names = [case.name for case in cases]
    if not names:
        raise UsageError("a benchmark needs at least one case, none arrived")
    if len(set(names)) != len(names):
        raise UsageError(f"the names of the cases must differ, got {names}")
    check_integer("repetitions", repetitions)
    for other in (name for case in cases for name in (case.against, case.floor) if name):
        if other not in names:
            raise unknown_name("case", other, names)
    allocator, threads = raise_malloc_thresholds(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        calls = [_calls_in_a_turn(case.run, turn_ms) for case in cases]
        turns = [
            [_cpu_ms(c.run, n) for c, n in zip(cases, calls, strict=True)]
            for _ in range(repetitions)
        ]
        peaks = [_peak_mb(case.run) if memory else None for case in cases]
    finally:
        torch.set_num_threads(threads)
    medians = [
        c.times * statistics.median(t) for c, t in zip(cases, zip(*turns, strict=True), strict=True)
    ]
    cpu_ms = dict(zip(names, medians, strict=True))
    rows = []
    for case, peak in zip(cases, peaks, strict=True):
        against = case.against or case.name
        rows.append(
            Row(case.name, cpu_ms[case.name], cpu_ms[case.name] / cpu_ms[against], against, peak)
        )
    versions = provenance()["versions"]
    return Report(benchmark, 1, allocator, repetitions, versions, (*rows,), (*cases,))


def raise_malloc_thresholds() -> str:
    """Let glibc keep large freed blocks, for the rest of the process, and say what is in force.

    The thresholds cannot be put back (setting one ends glibc's own adaptation), so this is for a
    process that only measures.
    """
    # The mmap threshold itself cannot exceed 32 MiB; without mmap, large blocks are kept, too.
    names = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1)}
    if platform.libc_ver()[0] != "glibc":
        return f"the default of {sys.platform}"
    mallopt = ctypes.CDLL(None).mallopt
    refused = [name for name, (key, value) in names.items() if not mallopt(key, value)]
    if refused:
        return f"glibc, {' and '.join(refused)} refused"
    return "glibc, " + ", ".join(f"{name} {value}" for name, (_, value) in names.items())


def _cpu_ms(run: Callable[[], object], calls: int) -> float:
    start = time.process_time_ns()
    for _ in range(calls):
        run()
    return (time.process_time_ns() - start) / calls / 1e6


def _calls_in_a_turn(run: Callable[[], object], turn_ms: float) -> int:
    _cpu_ms(run, _WARM_UP)
    return max(1, round(turn_ms / max(_cpu_ms(run, 1), 1e-3)))


def _peak_mb(run: Callable[[], object]) -> float:
    """Return the peak of torch's allocations plus that of Python's and NumPy's, in one call.

    The two peaks need not coincide, so the sum is an upper bound; in practice one is negligible.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            run()
            python = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    current = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            current += event.nbytes()
            peak = max(peak, current)
    return (peak + python) / 1e6
