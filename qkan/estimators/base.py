"""What the scikit-learn estimators share: from arrays to tensors, to a trained model, and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor

from circuits.errors import UsageError
from qkan.models.base import Model
from qkan.training import History, TrainingConfig, fit, predict

__all__ = ["Classifier", "Estimator", "Regressor"]


class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The common part. Subclasses store their arguments as they are, and make the model.

    Attributes:
        model_: The trained model; its inputs and outputs are standardised if ``standardize`` is set.
        history_: What was measured in every epoch of the training.
        n_features_in_: The number of features.
    """

    hidden: Sequence[int]
    standardize: bool
    epochs: int
    batch_size: int | None
    optimizer: str
    learning_rate: float | None
    weight_decay: float
    gamma: float | None
    patience: int | None
    validation_fraction: float
    random_state: Any
    verbose: bool

    model_: Model
    history_: History

    @abstractmethod
    def _make(self, sizes: list[int], generator: torch.Generator) -> Model:
        """Return a new model of these widths, in float64."""

    def _train(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        outputs: int,
        loss: str,
    ) -> None:
        """Make and train the model; ``y`` as the loss wants it."""
        settings = {
            name: getattr(self, name)
            for name in ("epochs", "batch_size", "optimizer", "learning_rate", "weight_decay")
        }
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        config = TrainingConfig(**settings, gamma=self.gamma, patience=self.patience, seed=seed)
        self._mean, self._scale = self._spread(x, weights)
        inputs = torch.from_numpy((x - self._mean) / self._scale)
        data: list[Tensor] = [inputs, torch.from_numpy(y)]
        if weights is not None:
            data.append(torch.from_numpy(weights))
        train, validation = self._split(data, seed, loss)
        if isinstance(self.hidden, int):
            raise UsageError(f"hidden is a list of widths, such as ({self.hidden},)")
        generator = torch.Generator().manual_seed(seed)
        self.model_ = self._make([x.shape[1], *self.hidden, outputs], generator)
        self.history_ = fit(
            self.model_, train, validation, config, loss=loss, progress=bool(self.verbose)
        )

    def _split(
        self, data: list[Tensor], seed: int, loss: str
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...] | None]:
        """Hold a part of the data out, if that is what the training is stopped by."""
        if self.patience is None:
            return tuple(data), None
        if not 0 < self.validation_fraction < 1:
            raise UsageError(
                f"validation_fraction must be between 0 and 1, got {self.validation_fraction}"
            )
        kept, held = train_test_split(
            np.arange(len(data[0])),
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=data[1].numpy() if loss == "cross_entropy" else None,
        )
        return tuple(part[kept] for part in data), tuple(part[held] for part in data)

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

    def _weights(self, sample_weight: ArrayLike | None, x: NDArray[Any]) -> NDArray[Any] | None:
        if sample_weight is None:
            return None
        weights: NDArray[Any] = _check_sample_weight(sample_weight, x, dtype=np.float64)
        return weights

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
        weights = self._weights(sample_weight, x)
        self._train(x, labels, weights, len(self.classes_), "cross_entropy")
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, (n_samples, n_classes)."""
        outputs = torch.from_numpy(self._outputs(X))
        return np.asarray(outputs.softmax(dim=1).numpy())

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
        weights = self._weights(sample_weight, x)
        self._target_mean, self._target_scale = self._spread(targets, weights)
        targets = (targets - self._target_mean) / self._target_scale
        self._train(x, targets, weights, targets.shape[1], "mse")
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the targets of each sample, in the shape that they were given in."""
        values = self._outputs(X) * self._target_scale + self._target_mean
        return np.asarray(values[:, 0] if self._flat else values)
