"""Quantum KANs as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from circuits import Circuit
from circuits.backends import Backend
from qkan.estimators.base import Classifier, Estimator, Regressor
from qkan.models.kan import QKAN

__all__ = ["QKANClassifier", "QKANRegressor"]


class _QKAN(Estimator):
    def __init__(
        self,
        hidden: Sequence[int] = (4,),
        *,
        edge: str | Circuit = "pz(depth=3)",
        frequencies: str = "per-input",
        base: str | None = "silu",
        input_map: str = "none",
        backend: str | Backend = "auto",
        evaluate: str = "auto",
        standardize: bool = True,
        epochs: int = 100,
        batch_size: int | None = 64,
        optimizer: str = "adam",
        learning_rate: float | None = 1e-2,
        weight_decay: float = 0.0,
        gamma: float | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.edge = edge
        self.frequencies = frequencies
        self.base = base
        self.input_map = input_map
        self.backend = backend
        self.evaluate = evaluate
        self.standardize = standardize
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.gamma = gamma
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    def _make(self, sizes: list[int], generator: torch.Generator) -> QKAN:
        names = ("edge", "frequencies", "base", "input_map", "backend", "evaluate")
        settings = {name: getattr(self, name) for name in names}
        return QKAN(sizes, generator=generator, dtype=torch.float64, **settings)


class QKANClassifier(Classifier, _QKAN):
    """A :class:`qkan.QKAN` that classifies, for scikit-learn's pipelines and searches.

    Args:
        hidden: The widths between features and classes.
        edge: The circuit on the edges: a name, or a circuit of your own.
        frequencies: Which edges share a scale: ``"per-input"``, ``"per-edge"`` or ``"fixed"``.
        base: The classical function on the edges, or None.
        input_map: What every layer does to its inputs; see :class:`qkan.QuantumKANLayer`.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.QuantumKANLayer`.
        standardize: Whether features are brought to mean 0 and standard deviation 1 first.
        epochs: Passes over the data.
        batch_size: Samples a step; None for all.
        optimizer: ``"adam"``, ``"adamw"`` or ``"lbfgs"``.
        learning_rate: The first rate; None for the optimiser's usual.
        weight_decay: As torch's Adam and AdamW have it.
        gamma: The factor of the learning rate from epoch to epoch.
        patience: Epochs without a better one on held-out data after which to stop and go back to
            the best; None to train all epochs on all data.
        validation_fraction: The part of the data that is held out if there is a patience.
        random_state: Seed or ``numpy.random.RandomState`` of weights, order and split.
        verbose: Whether to show a progress bar.

    Example:
        >>> from sklearn.datasets import make_moons
        >>> X, y = make_moons(200, noise=0.1, random_state=0)
        >>> QKANClassifier((4,), epochs=30, random_state=0).fit(X, y).score(X, y) > 0.9
        True
    """


class QKANRegressor(Regressor, _QKAN):
    """A :class:`qkan.QKAN` that predicts numbers, for scikit-learn's pipelines and searches.

    Args:
        hidden: The widths between features and targets.
        edge: The circuit on the edges: a name, or a circuit of your own.
        frequencies: Which edges share a scale: ``"per-input"``, ``"per-edge"`` or ``"fixed"``.
        base: The classical function on the edges, or None.
        input_map: What every layer does to its inputs; see :class:`qkan.QuantumKANLayer`.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.QuantumKANLayer`.
        standardize: Whether features and targets are brought to mean 0 and standard deviation 1.
        epochs: Passes over the data.
        batch_size: Samples a step; None for all.
        optimizer: ``"adam"``, ``"adamw"`` or ``"lbfgs"``.
        learning_rate: The first rate; None for the optimiser's usual.
        weight_decay: As torch's Adam and AdamW have it.
        gamma: The factor of the learning rate from epoch to epoch.
        patience: Epochs without a better one on held-out data after which to stop and go back to
            the best; None to train all epochs on all data.
        validation_fraction: The part of the data that is held out if there is a patience.
        random_state: Seed or ``numpy.random.RandomState`` of weights, order and split.
        verbose: Whether to show a progress bar.

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-1, 1, 100)[:, None]
        >>> model = QKANRegressor((), epochs=5, optimizer="lbfgs", batch_size=None,
        ...                       learning_rate=None, random_state=0)
        >>> model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.999
        True
    """
