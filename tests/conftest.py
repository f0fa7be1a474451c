"""Settings for all tests, before anything is imported."""

from __future__ import annotations

import os

# Small circuits on lightning spend more time waiting for threads than computing, and torch
# likewise; two test processes on two cores would be worse still.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_addoption(parser):
    parser.addoption(
        "--backend",
        metavar="NAME",
        help="run the tests of backends on this one (lightning.gpu, ...) instead of their own list",
    )


def pytest_generate_tests(metafunc):
    """Give ``backend_name`` to the tests that take it: the module's ``BACKENDS``, or what was asked for."""
    if "backend_name" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--backend")
        metafunc.parametrize("backend_name", [asked] if asked else metafunc.module.BACKENDS)


def pytest_collection_modifyitems(config, items):
    """Leave out what is for the nightly lane, unless ``-m`` names it: ``pytest -m nightly``."""
    if "nightly" not in config.getoption("markexpr"):
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


def pytest_terminal_summary(terminalreporter):
    """Print what was counted, by ``record_property("counted", ...)``."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "counted":
                terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {value}")
