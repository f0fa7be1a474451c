"""Experiments: a configuration in, a folder of results, figures and a report out.

An experiment is a module with a frozen dataclass ``Config`` and a function
``run(config, folder, ...)``. To add one, write the module and name it in ``EXPERIMENTS``: the
command line makes its options from the dataclass.
"""

from __future__ import annotations

__all__ = ["EXPERIMENTS"]

EXPERIMENTS = {
    "jets": "qkan.experiments.jets",
    "quanvolution": "qkan.experiments.quanvolution",
}
"""The module of every experiment; imported only when the experiment is asked for."""
