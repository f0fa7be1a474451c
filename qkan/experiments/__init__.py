"""Experiments: a configuration in, a folder of results, figures and a report out.

An experiment is a module with a frozen dataclass ``Config`` and a function
``run(config, places)``. To add one, write the module and name it in ``EXPERIMENTS``: the
command line makes its options from the dataclass. Most are a :class:`qkan.studies.study.Study`.
One that runs circuits on a backend of choice says which, by ``workload(config, places)``:
``qkan cost`` tells what they take.
"""

from __future__ import annotations

__all__ = ["EXPERIMENTS"]

EXPERIMENTS = {
    "jets": "qkan.experiments.jets",
    "quanvolution": "qkan.experiments.quanvolution",
    "scipy-kan": "qkan.experiments.reproductions:SCIPY_KAN",
    "table-kan": "qkan.experiments.reproductions:TABLE_KAN",
    "sinekan": "qkan.experiments.reproductions:SINEKAN",
    "sinekan-sweep": "qkan.experiments.sinekan_sweep",
    "cnn": "qkan.experiments.reproductions:CNN",
    "mlp": "qkan.experiments.reproductions:MLP",
    "mnist": "qkan.experiments.comparison",
    "qkan-functions": "qkan.experiments.qkan_functions",
    "qkan-mnist": "qkan.experiments.qkan_mnist",
}
"""The module of every experiment, or ``module:name`` of what has ``Config``, ``run`` and a docstring."""
