"""Experiments: a configuration in, a folder of results, figures and a report out.

An experiment is a module with a frozen dataclass ``Config`` and a function
``run(config, places)``. To add one, write the module and a line in ``EXPERIMENTS``: the
command line makes its options from the dataclass. Most are a :class:`qkan.studies.study.Study`.
One that runs circuits on a backend of choice says which, by ``workload(config, places)``:
``qkan cost`` tells what they take.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["EXPERIMENTS", "Experiment"]


class Experiment(NamedTuple):
    """Where an experiment is, and what the command line says of it without importing it.

    Attributes:
        place: ``module``, or ``module:name``, in this package, of what has ``Config`` and ``run``.
        about: One sentence.
    """

    place: str
    about: str

    def load(self) -> Any:
        """Import it.

        Example:
            >>> EXPERIMENTS["quanvolution"].load().Config().circuit
            'demo'
        """
        module, _, name = self.place.partition(":")
        found = import_module(f"{__name__}.{module}")
        return getattr(found, name) if name else found


EXPERIMENTS = {name: Experiment(*of) for name, of in {
    "jets": ("jets", "Quark against gluon jets: classical and quantum taggers, their errors, and what they learned."),
    "quanvolution": ("quanvolution", "Quanvolution: a quantum filter on MNIST, its controls, the published run."),
    "scipy-kan": ("reproductions:SCIPY_KAN", "The notebook's first network, around one shared SciPy spline, on MNIST."),
    "table-kan": ("reproductions:TABLE_KAN", "The notebook's second network, splines read from a table, on MNIST."),
    "sinekan": ("reproductions:SINEKAN", "SineKAN at the notebook's widths and learning rates, on MNIST."),
    "sinekan-sweep": ("sinekan_sweep", "SineKAN's rate, its decay, weight decay, width and depth on MNIST, on grids."),
    "cnn": ("reproductions:CNN", "The notebook's convolutional network on MNIST."),
    "mlp": ("reproductions:MLP", "The SineKAN authors' multilayer perceptrons on MNIST."),
    "mnist": ("mnist", "All models on MNIST at equal widths and at equal parameters, over seeds, with intervals."),
    "qkan-functions": ("qkan_functions", "Functions fitted by quantum KANs, and by models with as many parameters."),
    "qkan-mnist": ("qkan_mnist", "Digits by a quantum KAN, its classical twin, and other models of equal size."),
}.items()}  # fmt: skip
"""Every experiment by its name on the command line."""
