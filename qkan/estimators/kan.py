"""KANs as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from qkan.estimators.base import Classifier, Estimator, Regressor
from qkan.models.kan import KAN

__all__ = ["KANClassifier", "KANRegressor"]


class _KAN(Estimator):
    def __init__(
        self,
        hidden: Sequence[int] = (8,),
        *,
        grid: int = 5,
        degree: int = 3,
        domain: tuple[float, float] = (-2.0, 2.0),
        base: str | None = "silu",
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
        self.grid = grid
        self.degree = degree
        self.domain = domain
        self.base = base
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

    def _make(self, sizes: list[int], generator: torch.Generator) -> KAN:
        names = ("grid", "degree", "domain", "base")
        settings = {name: getattr(self, name) for name in names}
        return KAN(sizes, generator=generator, dtype=torch.float64, **settings)


class KANClassifier(Classifier, _KAN):
    """A :class:`qkan.KAN` that classifies, for scikit-learn's pipelines and searches.

    Args:
        hidden: The widths between features and classes.
        grid: The number of cells of every edge's grid.
        degree: The degree of the splines.
        domain: The range of the grids.
        base: The fixed function on the edges, or None.
        standardize: Whether features are brought to mean 0 and standard deviation 1 first, as the
            domain expects.
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
        >>> KANClassifier((4,), epochs=30, random_state=0).fit(X, y).score(X, y) > 0.95
        True
    """


class KANRegressor(Regressor, _KAN):
    """A :class:`qkan.KAN` that predicts numbers, for scikit-learn's pipelines and searches.

    Args:
        hidden: The widths between features and targets.
        grid: The number of cells of every edge's grid.
        degree: The degree of the splines.
        domain: The range of the grids.
        base: The fixed function on the edges, or None.
        standardize: Whether features and targets are brought to mean 0 and standard deviation 1
            first, as the domain expects.
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
        >>> X = np.random.default_rng(0).uniform(-1, 1, (300, 2))
        >>> y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
        >>> model = KANRegressor((5,), epochs=10, optimizer="lbfgs", batch_size=None,
        ...                      learning_rate=None, random_state=0)
        >>> model.fit(X, y).score(X, y) > 0.99
        True
    """
