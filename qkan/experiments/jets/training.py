"""One model of the jet study from one seed: trained, and its scores of the test jets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.errors import MissingExtraError
from qkan.experiments.jets.features import Split, split
from qkan.experiments.jets.losses import bce
from qkan.experiments.jets.metrics import calibration_error, roc
from qkan.experiments.jets.starts import begin
from qkan.training import TrainingConfig, fit, predict

__all__ = ["scored", "train_on_jets"]

_BATCH = 256
_PATIENCE = 10
_LEAVES = 8
_RANDOM = {"kind": "random"}


def train_on_jets(
    *,
    seed: int,
    model: Mapping[str, Any],
    inputs: int | str,
    jets: int,
    epochs: int,
    rate: float = 1e-2,
    start: Mapping[str, Any] = _RANDOM,
    sample: str = "",
) -> dict[str, NDArray[Any]]:
    """Train a model from one seed; the seed draws initial weights and the order of the jets.

    Networks are trained by Adam on batches of 256 at most (with few jets: four batches an epoch), the rate falling
    by a factor of 10 over the epochs; the weights of the epoch with the least validation loss are tested.

    Args:
        seed: The seed.
        model: ``logistic``, ``trees``, or the configuration of a network, with its ``kind``.
        inputs: See :func:`qkan.experiments.jets.features.split`.
        jets: How many training jets.
        epochs: At most.
        rate: The first learning rate.
        start: See :func:`qkan.experiments.jets.starts.begin`.
        sample: The sample's checksum, so that results of another one are not taken for this one's.

    Returns:
        The metrics ``auc``, ``rejection_30`` and ``rejection_50`` (1 / background efficiency at signal efficiencies
        of 30 and 50 %), ``calibration_error`` and ``parameters`` (of trees: leaves); ``scores.test``, the
        log-odds; ``weights.NAME``.
    """
    data = split(inputs, jets)
    if model["kind"] in ("logistic", "trees"):
        scores, parameters, weights = _scikit(model["kind"], data, seed)
        curves = {}
    else:
        training = TrainingConfig(
            epochs=epochs,
            batch_size=min(_BATCH, -(-jets // 4)),
            learning_rate=rate,
            gamma=0.1 ** (1 / epochs),
            patience=_PATIENCE,
            seed=seed,
        )
        net, training = begin(model, start, data, training)
        history = fit(net, data.train, data.validation, training, loss=bce, metrics=())
        scores = predict(net, data.test[0]).squeeze(1).double().numpy()
        parameters = net.num_parameters
        weights = {f"weights.{name}": value.numpy() for name, value in net.state_dict().items()}
        curves = {name: history[name] for name in ("train_loss", "val_loss")}
    return scored(scores, data.test[1].numpy()) | {
        "parameters": np.array(parameters),
        "scores.test": scores,
        **curves,
        **weights,
    }


def scored(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the metrics of log-odds; a rejection is at most the number of background jets that tell it."""
    curve, most = roc(scores, labels), float((labels == 0).sum())
    probabilities = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    return {
        "auc": np.array(curve.auc),
        "rejection_30": np.array(min(curve.rejection(0.3), most)),
        "rejection_50": np.array(min(curve.rejection(0.5), most)),
        "calibration_error": np.array(calibration_error(probabilities, labels)),
    }


def _scikit(
    kind: str, data: Split, seed: int
) -> tuple[NDArray[np.float64], int, dict[str, NDArray[Any]]]:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError(
            "logistic regression and trees come from scikit-learn: pip install 'hybrid-qkan[hep]'"
        ) from error
    (x, y), (test, _) = (tuple(t.numpy() for t in part) for part in (data.train, data.test))
    if kind == "logistic":
        fitted = LogisticRegression(max_iter=1000).fit(x, y)
        return fitted.decision_function(test), fitted.coef_.size + 1, {}
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=_LEAVES, early_stopping=True, random_state=seed
    ).fit(x, y)
    return trees.decision_function(test), trees.n_iter_ * _LEAVES, {}
