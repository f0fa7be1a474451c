"""The environment is changed for a moment, and only if the user has not chosen."""

import os

import pytest

from circuits.backends import backend
from circuits.backends.pennylane import short_waits


@pytest.fixture
def untouched(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OMP_", "GOMP_")):
            monkeypatch.delenv(name)


def leave_by_an_error():
    with short_waits():
        raise ImportError


def test_environment_is_restored(untouched):
    before = dict(os.environ)
    with short_waits():
        assert os.environ["GOMP_SPINCOUNT"] == "1000"
    assert dict(os.environ) == before
    with pytest.raises(ImportError):
        leave_by_an_error()
    assert dict(os.environ) == before


def test_a_number_of_threads_may_be_given_beside(untouched, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with short_waits():
        assert os.environ["GOMP_SPINCOUNT"] == "1000"
    assert os.environ["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND"])
def test_the_users_choice_stands(untouched, monkeypatch, name):
    monkeypatch.setenv(name, "mine")
    before = dict(os.environ)
    with short_waits():
        assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_making_a_backend_leaves_no_trace(untouched):
    before = dict(os.environ)
    backend("lightning.qubit")
    assert dict(os.environ) == before
