"""Odd command lines: ``python commands.py COUNT FOLDER``.

Each ends with a line and a code of 0, 1 or 2, within 10 seconds.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import random
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path

from qkan.cli import main
from qkan.experiments import EXPERIMENTS

WORDS = [
    *[
        "",
        " ",
        "-",
        "--",
        "x",
        "~",
        "..",
        "/",
        "/dev/zero",
        "/dev/null",
        "pipe",
        "folder",
        "bad.toml",
        "binary",
        "link",
    ],
    *[
        "0",
        "-1",
        "1e308",
        "1e999",
        "nan",
        "inf",
        "-inf",
        "1,2",
        "1,nan",
        "10**9",
        "9" * 400,
        "0x10",
        "\u0663",
        "é",
        "\ud800",
    ],
    *[
        "pz(depth=3)",
        "pz(depth={{}})",
        "pz(depth=-1)",
        "pz(depth=1000000000)",
        "pz(",
        "pz(depth=3",
        "pz()()",
        "()",
    ],
    *[
        "demo",
        "demo-legacy",
        "random(wires=3)",
        "random(wires=10**9)",
        "ry",
        "[red]",
        "%s",
        "{0}",
        "$(id)",
        "a\nb",
    ],
]
OPTIONS = {
    "cache ls": ["--limit"],
    "cache show": [],
    "cache verify": [],
    "cache clear": ["--older-than"],
    "jobs ls": [],
    "jobs forget": [],
    "circuits": [],
    "backends": [],
    "draw": ["--out", "--format"],
    "export": ["--format", "--inputs", "--bound", "--packed"],
    "inspect": ["--out"],
    "sweep": ["--resume", "--trials", "--workers"],
    "cost mnist": ["--backend", "--shots", "--qubits", "--epochs", "--seeds"],
    "reproduce mnist": ["--resume"],
    "reproduce quanvolution": ["--resume"],
    "bench": [],
    "jets generate": ["--events"],
}
NEEDS = {
    "reproduce mnist": "--resume",
    "reproduce quanvolution": "--resume",
    "bench": "x",
    "jets generate": "--x",
}
"""What keeps a command that would run long from running at all."""


def late(signum, frame):
    raise SystemExit("longer than 10 seconds")


def run(count, folder):
    draw, counted, faults = random.Random(0), Counter(), Counter()
    os.chdir(folder)
    os.environ |= {"QKAN_CACHE": str(folder / "cache"), "HOME": str(folder), "COLUMNS": "80"}
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("bad.toml").write_text("circuit = [\n")
    Path("binary").write_bytes(bytes(range(256)) * 8)
    Path("link").symlink_to("link")
    for each in (
        "circuits",
        "circuits.backends.ibm",
        "qkan.experiments.inspect",
        "qkan.studies",
        "qkan.benchmarks",
    ):
        vars(importlib.import_module(each))
    for experiment in EXPERIMENTS.values():
        experiment.load()  # an import that is interrupted would fail for ever
    main(["circuits"]), main(["backends"]), main(["draw", "demo", "--out", "x.png"])
    main(["export", "demo"])
    signal.signal(signal.SIGALRM, late)
    for _ in range(count):
        command = draw.choice(sorted(OPTIONS))
        words = command.split()
        if command in NEEDS:
            words += [
                NEEDS[command],
                draw.choice(["none", "folder", "pipe", "bad.toml", "/dev/zero"]),
            ]
        for _ in range(draw.randrange(4)):
            options = [*OPTIONS[command], "--x", "--help=1"]
            words += [draw.choice(options)] if draw.random() < 0.4 else []
            words += [draw.choice(WORDS)]
        text = io.StringIO()
        signal.alarm(10)
        try:
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                code = main(words)
            if code not in {0, 1, 2} or "Traceback" in text.getvalue():
                faults[f"{words}: {code} {text.getvalue()[-200:]}"] += 1
            counted[f"code {code}"] += 1
        except BaseException as error:
            kept = [f for f in traceback.extract_tb(error.__traceback__) if "/qkan/" in f.filename]
            ours = f"{Path(kept[-1].filename).name}:{kept[-1].lineno}" if kept else ""
            faults[f"{words}: {type(error).__name__}: {str(error)[:150]} in {ours}"] += 1
        finally:
            signal.alarm(0)
    print(dict(counted))
    for fault, times in faults.most_common():
        print(f"{times} x {fault}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), Path(sys.argv[2])))
