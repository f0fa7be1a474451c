"""Sealed files of models and trainings that say odd things: ``python malicious.py COUNT FOLDER``.

Each is refused by an error of ours, or loads and can be used; none takes more than 2 GB or 20 seconds.
"""

from __future__ import annotations

import copy
import math
import random
import resource
import signal
import sys
import traceback
import warnings
from collections import Counter
from pathlib import Path

import torch

from circuits.errors import UsageError
from qkan.models import CNN, KAN, MLP, QKAN, QuanvolutionNet, SineKAN, load
from qkan.store import read_tensors, write_tensors
from qkan.training import fit

MODEL, TRAINING = "hybrid-qkan model 2", "hybrid-qkan training 1"
ODD = [
    *[None, True, False, 0, -1, 1, 7, 10**9, 2**63, -(2**70), 0.5, -0.0, 1e308, math.nan, math.inf],
    *["", "x", "hub", "float32", "float128", "complex64", "../../etc/passwd", "__class__", "é" * 9],
    *["pz(depth=100000)", "pz(depth=1000000000)", "bspline(grid=10**9)", "kan", "{}", "x" * 10**5],
    *[[], [[]], [5000, 5000], [2] * 200_000, [None], [-1, 2], [1e9, 2], ["a"], [[1, 2], 3]],
    *[{}, {"kind": "kan"}, {"a": {"b": None}}, {"": 0}, {"dtype": "hub"}],
]
WEIGHTS = [
    lambda t: t * math.nan,
    lambda t: t.flatten(),
    lambda t: t.bool(),
    lambda t: t.to(torch.complex64) * 1j,
    lambda t: t.double(),
    lambda t: t[:0],
    lambda t: t[None],
    lambda t: torch.full_like(t, math.inf),
]


def places(tree, path=()):
    """Yield the way to everything in a tree of mappings and lists."""
    inner = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for name, value in inner:
        yield (*path, name)
        yield from places(value, (*path, name))


def spoiled(facts, tensors, draw):
    facts, tensors = copy.deepcopy(facts), dict(tensors)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        ways = list(places(facts))
        if tensors and (draw.random() < 0.2 or not ways):
            name = draw.choice(sorted(tensors))
            how = draw.randrange(len(WEIGHTS) + 2)
            if how < len(WEIGHTS):
                tensors[name] = WEIGHTS[how](tensors[name])
            else:
                value = tensors.pop(name)
                if how == len(WEIGHTS):
                    tensors[f"{name}.x"] = value
            continue
        *way, last = draw.choice(ways)
        parent = facts
        for step in way:
            parent = parent[step]
        if draw.random() < 0.15:
            del parent[last]
        elif draw.random() < 0.1 and isinstance(parent, dict):
            extra = draw.choice(["extra", "generator", "device", "backend", "edge"])
            parent[extra] = copy.deepcopy(draw.choice(ODD))
        else:
            parent[last] = copy.deepcopy(draw.choice(ODD))
    return facts, tensors


def late(signum, frame):
    raise SystemExit("longer than 20 seconds")


def main(count, folder):
    draw, counted, faults = random.Random(0), Counter(), Counter()
    seeded = {"generator": torch.Generator().manual_seed(0)}
    models = {
        "kan": KAN([2, 3, 1], **seeded),
        "mixed": KAN([2, 3, 2], layers=("chebyshev(degree=3)", "rbf(grid=4)"), **seeded),
        "qkan": QKAN([2, 2, 1], **seeded),
        "sinekan": SineKAN([2, 3, 1], **seeded),
        "mlp": MLP([2, 3, 1], **seeded),
        "cnn": CNN((1, 8, 8), channels=(2,), hidden=3, **seeded),
        "quanvolution": QuanvolutionNet(image=(1, 8, 8), **seeded),
    }
    for name, model in models.items():
        model.save(folder / name)
    data = (torch.rand(8, 2), torch.rand(8, 1))
    config = {"epochs": 1}
    fit(copy.deepcopy(models["kan"]), data, config=config, loss="mse", checkpoint=folder / "fit")
    files = {name: read_tensors(folder / name, MODEL) for name in models}
    state = read_tensors(folder / "fit", TRAINING)
    resource.setrlimit(resource.RLIMIT_AS, (_size() + 2**31,) * 2)
    signal.signal(signal.SIGALRM, late)
    for n in range(count):
        name = draw.choice([*models, "fit"])
        file = state if name == "fit" else files[name]
        facts, tensors = spoiled(file.facts, file.arrays, draw)
        path = folder / f"odd{n}"
        write_tensors(path, file.format, facts, tensors)
        signal.alarm(20)
        try:
            if name == "fit":
                model = copy.deepcopy(models["kan"])
                fit(model, data, config=config, loss="mse", checkpoint=path)
            else:
                model = load(path)
            if not all(p.isfinite().all() for p in model.parameters()):
                raise AssertionError("weights that are no numbers")  # noqa: TRY301
            counted["loaded"] += 1
        except UsageError:
            counted["refused"] += 1
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            kept = [f for f in traceback.extract_tb(error.__traceback__) if "/qkan/" in f.filename]
            ours = f"{Path(kept[-1].filename).name}:{kept[-1].lineno}" if kept else ""
            faults[f"{name}: {type(error).__name__}: {str(error)[:80]} at {place} in {ours}"] += 1
        finally:
            signal.alarm(0)
        path.unlink(missing_ok=True)
    print(dict(counted))
    for fault, times in faults.most_common():
        print(f"{times} x {fault}")
    return bool(faults)


def _size():
    """Return the size of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
