"""What taggers see, which there are, where their training begins, and one of them trained from one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from circuits import quanvolutional_filter
from circuits.errors import MissingExtraError, unknown_name
from qkan.data.jets import OBSERVABLES, JetSample, quark_gluon
from qkan.experiments.jets.metrics import calibration_error, roc
from qkan.experiments.random_features import COSINE_SEEDS, RandomCosines
from qkan.layers.quanvolution import Quanvolution2d
from qkan.models import QKAN, make
from qkan.training import TrainingConfig, fit, predict

__all__ = ["IMAGES", "INPUTS", "Split", "begin", "scored", "split", "table_models", "train_on_jets"]

INPUTS = {
    12: OBSERVABLES,
    4: ("multiplicity", "ptd", "width", "m_over_pt"),
    2: ("multiplicity", "width"),
    1: ("multiplicity",),
}
"""The observables that models of so many inputs see."""

IMAGES = ("pixels", "quanvolution", "cosines")
"""Features of images: grey values; the demo filter's four channels; as many random cosines."""

_FARTHEST = 4.0
"""Standard deviations at which an observable is cut, so that an angle stays within its period."""
_RANGE = (-2.0, 2.0)
"""Where the knots of the splines are, in standard deviations; a base function goes on beyond."""
_HEADS = {"linear": 1e-2, "cnn": 3e-3}
"""What is trained on images, and from which learning rate, chosen as those of the tables (one seed)."""
_BATCH, _PATIENCE, _LEAVES = 256, 10, 8
_RANDOM = {"kind": "random"}

Arm = dict[str, Any]


class Split(NamedTuple):
    """Inputs and labels to learn from, to choose the epoch by, and to test on."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def split(inputs: int | str, train: int) -> Split:
    """Return the sample's three parts as a model sees them.

    Observables, and the channels of images, are standardised by the training jets' mean and standard deviation.

    Args:
        inputs: 12, 4, 2 observables or 1, or the name of features of images.
        train: How many training jets, the first ones.

    Raises:
        UsageError: If there are no such inputs.

    Example:
        >>> split(2, 100).train[0].shape, split("quanvolution", 100).test[0].shape
        (torch.Size([100, 2]), torch.Size([3000, 4, 9, 9]))
    """
    sample = _sample()
    parts = [sample.part("train")[:train], sample.part("validation"), sample.part("test")]
    if isinstance(inputs, int) and inputs in INPUTS:
        columns = [part.inputs(*INPUTS[inputs]).astype(np.float64) for part in parts]
        mean, sd = columns[0].mean(axis=0), columns[0].std(axis=0)
        scaled = [np.clip((column - mean) / sd, -_FARTHEST, _FARTHEST) for column in columns]
        tensors = [torch.from_numpy(values.astype(np.float32)) for values in scaled]
    elif inputs in IMAGES:
        tensors = [_features(str(inputs), part) for part in parts]
        scale, center = torch.std_mean(tensors[0], dim=(0, 2, 3), keepdim=True)
        tensors = [(images - center) / scale for images in tensors]
    else:
        raise unknown_name("inputs", str(inputs), [*map(str, INPUTS), *IMAGES])
    labels = [torch.from_numpy(part.labels) for part in parts]
    return Split(*((x, y) for x, y in zip(tensors, labels, strict=True)))


@cache
def _sample() -> JetSample:
    """Return the sample, of which a study has hundreds of uses, each of some columns that it copies."""
    return quark_gluon()


def _features(name: str, part: JetSample) -> Tensor:
    images = torch.from_numpy(part.images).float() / 255
    circuit = quanvolutional_filter("demo")
    with torch.no_grad():
        if name == "quanvolution":
            images = Quanvolution2d(circuit)(images)
        elif name == "cosines":
            images = RandomCosines(circuit.num_observables, seed=COSINE_SEEDS)(images)
    return images


def table_models(inputs: int) -> dict[str, Arm]:
    """Return the models of so many observables.

    KAN and QKAN have the same four hidden units; the MLP's width brings it to the parameters of the KAN. The QKAN's
    Fourier twin begins as the same function, with coefficients that no circuit ties together. The small QKAN has one
    layer, and 60 parameters at 12 inputs.

    Learning rates were chosen once, for 12 inputs, by the validation loss after 40 epochs (mean of two seeds) among
    3e-3, 1e-2, 3e-2 and, at an end of that range, 1e-3 or 1e-1; the QKAN's from 3e-3 to 6e-2. So was the range of the
    splines, among 2, 3 and 4 standard deviations.

    Example:
        >>> list(table_models(2))
        ['logistic', 'trees', 'mlp', 'kan', 'one-layer kan', 'sinekan', 'qkan', 'one-layer qkan', 'small qkan', ...]
    """
    deep, flat = [inputs, 4, 1], [inputs, 1]
    spline = {"kind": "kan", "grid": 3, "domain": list(_RANGE)}
    quantum = {"kind": "qkan", "sizes": deep, "edge": "pz(depth=2)"}
    one_layer = {"kind": "qkan", "sizes": flat, "edge": "pz(depth=3)"}
    small = {"kind": "qkan", "sizes": flat, "edge": "real(depth=2)", "base": None, "bias": False}
    return {
        "logistic": {"model": {"kind": "logistic"}},
        "trees": {"model": {"kind": "trees"}},
        "mlp": {"model": {"kind": "mlp", "sizes": [inputs, 26, 1]}, "rate": 3e-2},
        "kan": {"model": spline | {"sizes": deep}, "rate": 3e-2},
        "one-layer kan": {"model": spline | {"sizes": flat}, "rate": 1e-1},
        "sinekan": {"model": {"kind": "sinekan", "sizes": deep}, "rate": 3e-3},
        "qkan": {"model": quantum, "rate": 4e-2},
        "one-layer qkan": {"model": one_layer, "rate": 3e-2},
        "small qkan": {"model": small, "rate": 2e-2},
        "fourier twin": {"model": quantum, "start": {"kind": "twin"}, "rate": 1e-2},
    }


def image_models() -> dict[str, Arm]:
    """Return the models of images: features, and what is trained on them."""

    def head(kind: str, channels: int, side: int) -> dict[str, Any]:
        if kind == "linear":
            return {"kind": "mlp", "sizes": [channels * side**2, 1]}
        image = {"image": [channels, side, side], "channels": [16, 32]}
        return {"kind": "cnn", "hidden": 32, "classes": 1} | image

    shapes = {"pixels": (1, 18), "quanvolution": (4, 9), "cosines": (4, 9)}
    return {
        f"{features} + {kind}": {"inputs": features, "model": head(kind, *shape), "rate": rate}
        for features, shape in shapes.items()
        for kind, rate in _HEADS.items()
    }


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
        inputs: See :func:`split`.
        jets: How many training jets.
        epochs: At most.
        rate: The first learning rate.
        start: See :func:`begin`.
        sample: The sample's checksum, so that results of another one are not taken for this one's.

    Returns:
        The metrics ``auc``, ``rejection_30`` and ``rejection_50`` (1 / background efficiency at signal efficiencies
        of 30 and 50 %), ``calibration_error`` and ``parameters`` (of trees: leaves); ``scores.test``, the
        log-odds; ``weights.NAME``.
    """
    data = split(inputs, jets)
    more: dict[str, NDArray[Any]] = {}
    if model["kind"] in ("logistic", "trees"):
        scores, parameters = _scikit(model["kind"], data, seed)
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
        history = fit(net, data.train, data.validation, training, loss=_bce, metrics=())
        scores = predict(net, data.test[0]).squeeze(1).double().numpy()
        parameters = net.num_parameters
        more = {f"weights.{name}": value.numpy() for name, value in net.state_dict().items()}
        more |= {name: history[name] for name in ("train_loss", "val_loss")}
    return scored(scores, data.test[1].numpy()) | {
        "parameters": np.array(parameters),
        "scores.test": scores,
        **more,
    }


def begin(
    model: Mapping[str, Any], start: Mapping[str, Any], data: Split, training: TrainingConfig
) -> tuple[Any, TrainingConfig]:
    """Return a network to train, and the training that is left for it.

    Args:
        model: The network's configuration.
        start: Its ``kind``: ``"random"``; ``"twin"``: the QKAN of this configuration, its random start written as
            Fourier layers, whose coefficients no circuit ties together; ``"kan"``: a classical KAN (``model``) is
            trained for half of the epochs (from the learning ``rate``), the part ``pruned`` of its edges is pruned, and
            the circuits are fitted to the others, which takes no epochs.
        data: To train on.
        training: The whole training; its seed draws the start.

    Raises:
        UsageError: If there is no such start.
    """
    generator = torch.Generator().manual_seed(training.seed)
    if start["kind"] not in ("random", "twin", "kan"):
        raise unknown_name("start", str(start["kind"]), ("random", "twin", "kan"))
    if start["kind"] != "kan":
        net = make(model, generator=generator)
        return net if start["kind"] == "random" else net.to_classical(), training
    first = training.epochs // 2
    kan = make(start["model"], generator=generator)
    early = replace(training, epochs=first, learning_rate=start["rate"])
    fit(kan, data.train, data.validation, early, loss=_bce, metrics=())
    x = data.train[0]
    kan.prune(x, fraction=start["pruned"], nodes=False)
    settings = {k: v for k, v in model.items() if k not in {"kind", "sizes", "edge"}}
    net = QKAN.from_kan(kan, model["edge"], x=x, generator=generator, **settings)
    rate = training.initial_rate * (training.gamma or 1.0) ** first
    return net, replace(training, epochs=training.epochs - first, learning_rate=rate)


def _bce(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the binary cross-entropy of each jet, from the log-odds of signal ``(N, 1)``."""
    return functional.binary_cross_entropy_with_logits(
        outputs.squeeze(1), labels.to(outputs.dtype), reduction="none"
    )


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


def _scikit(kind: str, data: Split, seed: int) -> tuple[NDArray[np.float64], int]:
    """Return the log-odds of the test jets, and the number of parameters."""
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
        return fitted.decision_function(test), fitted.coef_.size + 1
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=_LEAVES, early_stopping=True, random_state=seed
    ).fit(x, y)
    return trees.decision_function(test), trees.n_iter_ * _LEAVES
