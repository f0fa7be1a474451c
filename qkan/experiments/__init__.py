"""Experiments: a configuration in, a folder of results, figures and a report out.

An experiment is a module with a frozen dataclass ``Config`` and a function
``run(config, folder, ...)``. To add one, write the module and name it in ``EXPERIMENTS``: the
command line makes its options from the dataclass. One that runs circuits on a backend of choice says which,
by ``workload(config, places)``: ``qkan cost`` tells what they take.
"""

from __future__ import annotations

__all__ = ["EXPERIMENTS"]

EXPERIMENTS = {
    "quanvolution": "qkan.experiments.quanvolution",
    "qkan-functions": "qkan.experiments.qkan_functions",
    "qkan-mnist": "qkan.experiments.qkan_mnist",
}
"""The module of every experiment; imported only when the experiment is asked for."""
