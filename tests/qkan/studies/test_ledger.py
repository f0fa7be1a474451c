"""Trials are neither lost nor done twice, whoever dies; the same seed gives the same ones."""

import os
import signal
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from qkan.studies.sweep.config import SweepConfig
from qkan.studies.sweep.ledger import Ledger
from qkan.studies.sweep.space import parse_space

from circuits.errors import UsageError

SPACE = {
    "model.grid": {"low": 2, "high": 9},
    "model.sizes": [[2, 1], [2, 5, 1]],
    "training.learning_rate": {"low": 1e-4, "high": 1.0, "log": True},
}


def ledger_in(folder, sampler="random", seed=0, trials=6, data="abc"):
    space = SPACE if sampler != "grid" else {k: SPACE[k] for k in list(SPACE)[:2]}
    config = SweepConfig({"kind": "kan"}, space, sampler=sampler, seed=seed, trials=trials)
    return Ledger(folder, config, parse_space(space), data)


def value_of(point):
    return point["model.grid"] + len(point["model.sizes"])


def finish(ledger, stop_at=None):
    """Do trials; leave the ledger as a killed process would if ``stop_at`` is reached."""
    done = []
    with closing(ledger):
        while claim := ledger.claim():
            if claim.index == stop_at:
                return done
            ledger.tell(claim, value_of(claim.point), {"val_loss": np.array(1.0)})
            done.append(claim.index)
        return done


def trials_in(folder, **settings):
    with closing(ledger_in(folder, **settings)) as ledger:
        return ledger.trials()


@pytest.fixture(params=["grid", "random", "tpe"])
def sampler(request):
    return request.param


def test_the_same_seed_gives_the_same_trials_also_after_a_death(tmp_path, sampler):
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
    trials = 15 if sampler != "grid" else 6  # TPE draws its first ten at random
    settings = {"sampler": sampler, "trials": trials}
    assert finish(ledger_in(tmp_path / "one", **settings)) == list(range(trials))
    assert finish(ledger_in(tmp_path / "two", **settings), stop_at=3) == [0, 1, 2]
    assert finish(ledger_in(tmp_path / "two", **settings)) == list(range(3, trials))
    one, two = (trials_in(tmp_path / name, **settings) for name in ("one", "two"))
    assert [trial.point for trial in one] == [trial.point for trial in two]
    assert len({str(trial.point) for trial in one}) == trials
    if sampler != "grid":
        finish(ledger_in(tmp_path / "other", seed=1, **settings))
        other = trials_in(tmp_path / "other", seed=1, **settings)
        assert not {str(t.point) for t in one} & {str(t.point) for t in other}


def test_a_grid_is_every_combination_once(tmp_path):
    settings = {"sampler": "grid", "trials": None}
    finish(ledger_in(tmp_path, **settings))
    points = [trial.point for trial in trials_in(tmp_path, **settings)]
    expected = [
        {"model.grid": grid, "model.sizes": sizes}
        for grid in range(2, 10)
        for sizes in SPACE["model.sizes"]
    ]
    assert points == expected


def test_a_trial_of_a_living_process_is_left_alone(tmp_path):
    with closing(ledger_in(tmp_path)) as one:
        first = one.claim()
        assert first.index == 0
        assert finish(ledger_in(tmp_path)) == [1, 2, 3, 4, 5]
        assert not one.finished
        one.tell(first, 0.5, {})
        assert one.finished
        assert one.claim() is None


def test_two_processes_interleave(tmp_path):
    with closing(ledger_in(tmp_path)) as one, closing(ledger_in(tmp_path)) as two:
        claims = [each.claim() for each in (one, two, two, one)]
        assert [claim.index for claim in claims] == [0, 1, 2, 3]
        assert len({str(claim.point) for claim in claims}) == 4


def test_a_trial_that_kills_its_process_again_and_again_is_given_up(tmp_path):
    for _ in range(3):
        assert finish(ledger_in(tmp_path), stop_at=0) == []
    assert finish(ledger_in(tmp_path)) == [1, 2, 3, 4, 5]
    trials = trials_in(tmp_path)
    assert len(trials) == 6
    assert trials[0].value is None
    assert "its process died" in trials[0].reason


def test_a_failed_trial_is_not_tried_again(tmp_path):
    with closing(ledger_in(tmp_path)) as ledger:
        ledger.fail(ledger.claim(), "too steep")
        ledger.tell(ledger.claim(), float("nan"), {})
    assert finish(ledger_in(tmp_path)) == [2, 3, 4, 5]
    assert [t.reason for t in trials_in(tmp_path)][:2] == ["too steep", "its metric is nan"]


def test_half_a_line_is_cut_off(tmp_path):
    finish(ledger_in(tmp_path), stop_at=2)
    with (tmp_path / "trials.jsonl").open("a") as journal:
        journal.write('{"op_code": 5, "wor')
    assert finish(ledger_in(tmp_path)) == [2, 3, 4, 5]


def test_other_data_are_another_sweep(tmp_path):
    finish(ledger_in(tmp_path), stop_at=2)
    with pytest.raises(UsageError, match="the data are not those"):
        ledger_in(tmp_path, data="def")
    assert finish(ledger_in(tmp_path)) == [2, 3, 4, 5]


WORK = """
import os, signal, sys
from pathlib import Path
import numpy as np
from qkan.studies.sweep.config import SweepConfig
from qkan.studies.sweep.ledger import Ledger
from qkan.studies.sweep.space import parse_space

folder, survives = Path(sys.argv[1]), sys.argv[2] == "survives"
space = {"model.grid": {"low": 2, "high": 1000}}
config = SweepConfig({"kind": "kan"}, space, sampler="random", trials=30)
ledger = Ledger(folder, config, parse_space(space), "abc")
done = 0
while claim := ledger.claim():
    if survives and not done:
        print("has one", flush=True)
        sys.stdin.readline()
    if done == 5 and not survives:
        os.kill(os.getpid(), signal.SIGKILL)
    with open(folder / "log", "a") as log:
        log.write(f"{claim.index}\\n")
    ledger.tell(claim, float(claim.point["model.grid"]), {"val_loss": np.array(1.0)})
    done += 1
"""


def test_processes_share_a_sweep_and_two_are_killed(tmp_path):
    path = os.pathsep.join(filter(None, sys.path))

    def start(how):
        return subprocess.Popen(
            [sys.executable, "-c", WORK, tmp_path, how],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with start("survives") as survivor, start("dies") as one, start("dies") as other:
        assert survivor.stdout.readline()
        assert [victim.wait(timeout=100) for victim in (one, other)] == [-signal.SIGKILL] * 2
        survivor.communicate("go on\n", timeout=100)
        assert survivor.returncode == 0
    assert sorted(map(int, (tmp_path / "log").read_text().split())) == list(range(30))
