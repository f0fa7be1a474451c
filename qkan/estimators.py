"""Models as scikit-learn estimators; they need the extra ``sklearn``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from circuits import Circuit
from circuits.backends import Backend
from circuits.errors import MissingExtraError, UsageError, check_real
from qkan.models.base import Model
from qkan.models.registry import make
from qkan.training import History, TrainingConfig, fit, predict

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import LabelEncoder
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ModuleNotFoundError as error:
    raise MissingExtraError(
        "qkan.estimators needs scikit-learn: pip install 'hybrid-qkan[sklearn]' brings it"
    ) from error

__all__ = ["KANClassifier", "KANRegressor", "QKANClassifier", "QKANRegressor"]


def __dir__() -> list[str]:
    return __all__


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """From arrays to a trained model, and back.

    Args:
        standardize: Whether features, and targets of a regression, are brought to mean 0 and standard deviation 1.
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

    Attributes:
        model_: The trained model; its inputs and outputs are standardised if ``standardize`` is set.
        history_: What was measured in every epoch of the training.
        n_features_in_: The number of features.
    """

    _kind: ClassVar[str]
    standardize: bool = True
    epochs: int = 100
    batch_size: int | None = 64
    optimizer: str = "adam"
    learning_rate: float | None = 1e-2
    weight_decay: float = 0.0
    gamma: float | None = None
    patience: int | None = None
    validation_fraction: float = 0.1
    random_state: Any = None
    verbose: bool = False

    def _train(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        outputs: int,
        loss: str,
    ) -> None:
        """Make and train the model; ``y`` as the loss wants it."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        # What is set here is of the training, what subclasses add to it is of the model.
        given, ours = self.get_params(deep=False), Estimator.__dataclass_fields__
        training = {n: v for n, v in given.items() if n in TrainingConfig.__dataclass_fields__}
        config = TrainingConfig(**training, seed=seed)
        settings = {name: value for name, value in given.items() if name not in ours}
        hidden = settings.pop("hidden")
        if not isinstance(hidden, Sequence | np.ndarray) or isinstance(hidden, str):
            raise UsageError(f"hidden is a list of widths, such as (8,), got {hidden!r}")
        self._mean, self._scale = self._spread(x, weights)
        data = [(x - self._mean) / self._scale, y] + ([] if weights is None else [weights])
        train, held_out = data, None
        if self.patience is not None:
            if not check_real("validation_fraction", self.validation_fraction, above=0) < 1:
                raise UsageError(
                    f"validation_fraction must be between 0 and 1, got {self.validation_fraction}"
                )
            parts = train_test_split(
                *data,
                test_size=self.validation_fraction,
                random_state=seed,
                stratify=y if loss == "cross_entropy" else None,
            )
            train, held_out = parts[::2], tuple(map(torch.from_numpy, parts[1::2]))
        self.model_: Model = make(
            self._kind,
            **settings,
            sizes=[x.shape[1], *hidden, outputs],
            generator=torch.Generator().manual_seed(seed),
            dtype=torch.float64,
        )
        tensors = tuple(map(torch.from_numpy, train))
        self.history_: History = fit(
            self.model_, tensors, held_out, config, loss=loss, progress=bool(self.verbose)
        )

    def _spread(
        self, values: NDArray[Any], weights: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return mean and standard deviation of every column; 0 and 1 if nothing is to be done."""
        if not self.standardize:
            return np.zeros(values.shape[1]), np.ones(values.shape[1])
        mean = np.average(values, axis=0, weights=weights)
        variance = np.average((values - mean) ** 2, axis=0, weights=weights)
        # Weights may be negative, and columns constant: neither has a spread to divide by.
        spread = np.sqrt(np.maximum(variance, 0))
        tiny = 10 * np.finfo(np.float64).eps * np.maximum(np.abs(mean), 1e-300)
        return mean, np.where(spread > tiny, spread, 1.0)

    def _outputs(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64)
        outputs = predict(self.model_, torch.from_numpy((x - self._mean) / self._scale))
        return np.asarray(outputs.numpy())


class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """From features to classes, which may be any labels; trained by the cross-entropy.

    Attributes:
        classes_: The labels.
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new model.

        Args:
            X: Features, (n_samples, n_features).
            y: Labels, (n_samples,).
            sample_weight: One number a sample; single ones may be negative.

        Raises:
            ValueError: If the data are unfit, or all of one class.
        """
        x, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise UsageError(
                f"a classifier needs two classes or more, all {len(x)} labels are the one class "
                f"'{self.classes_[0]}'"
            )
        labels = encoder.transform(y).astype(np.int64)
        weights = _weights(sample_weight, x)
        self._train(x, labels, weights, len(self.classes_), "cross_entropy")
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, (n_samples, n_classes)."""
        return np.asarray(torch.from_numpy(self._outputs(X)).softmax(dim=1).numpy())

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of each sample, (n_samples,)."""
        most_probable = self._outputs(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])


class Regressor(MultiOutputMixin, RegressorMixin, Estimator):  # type: ignore[misc]
    """From features to one number or several; trained by the mean squared error."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new model.

        Args:
            X: Features, (n_samples, n_features).
            y: Targets, (n_samples,) or (n_samples, n_outputs).
            sample_weight: One number a sample; single ones may be negative.

        Raises:
            ValueError: If the data are unfit.
        """
        x, values = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._flat = values.ndim == 1
        targets = values.reshape(len(x), -1).astype(np.float64)
        weights = _weights(sample_weight, x)
        self._target_mean, self._target_scale = self._spread(targets, weights)
        targets = (targets - self._target_mean) / self._target_scale
        self._train(x, targets, weights, targets.shape[1], "mse")
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the targets of each sample, in the shape that they were given in."""
        values = self._outputs(X) * self._target_scale + self._target_mean
        return np.asarray(values[:, 0] if self._flat else values)


def _weights(sample_weight: ArrayLike | None, x: NDArray[Any]) -> NDArray[Any] | None:
    if sample_weight is None:
        return None
    weights: NDArray[Any] = _check_sample_weight(sample_weight, x, dtype=np.float64)
    if not weights.sum() > 0:
        raise UsageError(f"sample weights sum to {weights.sum():g}; their sum must be positive")
    return weights


@dataclass(eq=False, repr=False)
class KANEstimator(Estimator):
    """A :class:`qkan.KAN` of B-splines, trained in scikit-learn's pipelines and searches.

    Args:
        hidden: The widths between features and outputs.
        grid: The number of cells of every edge's grid.
        degree: The degree of the splines.
        domain: The range of the grids; that of standardised features by default.
        base: The fixed function on the edges, or None.
    """

    _kind: ClassVar[str] = "kan"
    hidden: Sequence[int] = (8,)
    _: KW_ONLY
    grid: int = 5
    degree: int = 3
    domain: tuple[float, float] = (-2.0, 2.0)
    base: str | None = "silu"


@dataclass(eq=False, repr=False)
class QKANEstimator(Estimator):
    """A :class:`qkan.QKAN`, trained in scikit-learn's pipelines and searches.

    Args:
        hidden: The widths between features and outputs.
        edge: The circuit on the edges: a name, or a circuit of your own.
        frequencies: Which edges share a scale: ``"per-input"``, ``"per-edge"`` or ``"fixed"``.
        base: The classical function on the edges, or None.
        input_map: What every layer does to its inputs; see :class:`qkan.QuantumKANLayer`.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.QuantumKANLayer`.
    """

    _kind: ClassVar[str] = "qkan"
    hidden: Sequence[int] = (4,)
    _: KW_ONLY
    edge: str | Circuit = "pz(depth=3)"
    frequencies: str = "per-input"
    base: str | None = "silu"
    input_map: str = "none"
    backend: str | Backend = "auto"
    evaluate: str = "auto"


class KANClassifier(Classifier, KANEstimator):
    """A :class:`qkan.KAN` that classifies, for scikit-learn's pipelines and searches.

    Its arguments are those of :class:`KANEstimator` and, for the training, :class:`Estimator`.

    Example:
        >>> from sklearn.datasets import make_moons
        >>> X, y = make_moons(200, noise=0.1, random_state=0)
        >>> KANClassifier((4,), epochs=30, random_state=0).fit(X, y).score(X, y) > 0.95
        True
    """


class KANRegressor(Regressor, KANEstimator):
    """A :class:`qkan.KAN` that predicts numbers, for scikit-learn's pipelines and searches.

    Its arguments are those of :class:`KANEstimator` and, for the training, :class:`Estimator`.

    Example:
        >>> X = np.random.default_rng(0).uniform(-1, 1, (300, 2))
        >>> y = np.exp(np.sin(np.pi * X[:, 0]) + X[:, 1] ** 2)
        >>> model = KANRegressor((5,), epochs=10, optimizer="lbfgs", batch_size=None,
        ...                      learning_rate=None, random_state=0)
        >>> model.fit(X, y).score(X, y) > 0.99
        True
    """


class QKANClassifier(Classifier, QKANEstimator):
    """A :class:`qkan.QKAN` that classifies, for scikit-learn's pipelines and searches.

    Its arguments are those of :class:`QKANEstimator` and, for the training, :class:`Estimator`.

    Example:
        >>> from sklearn.datasets import make_moons
        >>> X, y = make_moons(200, noise=0.1, random_state=0)
        >>> QKANClassifier((4,), epochs=30, random_state=0).fit(X, y).score(X, y) > 0.9
        True
    """


class QKANRegressor(Regressor, QKANEstimator):
    """A :class:`qkan.QKAN` that predicts numbers, for scikit-learn's pipelines and searches.

    Its arguments are those of :class:`QKANEstimator` and, for the training, :class:`Estimator`.

    Example:
        >>> X = np.linspace(-1, 1, 100)[:, None]
        >>> model = QKANRegressor((), epochs=5, optimizer="lbfgs", batch_size=None,
        ...                       learning_rate=None, random_state=0)
        >>> model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.999
        True
    """
