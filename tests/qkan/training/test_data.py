"""Data and labels that are wrong are named before anything is trained."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from circuits.errors import UsageError
from qkan.models import KAN, MLP
from qkan.training import TrainingConfig as Config
from qkan.training import evaluate, fit, predict
from qkan.training.data import as_data

X, Y = torch.rand(12, 3), torch.arange(12) % 4


def changed(tensor, index, value):
    tensor = tensor.clone()
    tensor[index] = value
    return tensor


def model():
    return MLP([3, 4], generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ((X, Y[:5]), "12 inputs but 5 targets"),
        ((X, Y, torch.ones(5)), "12 inputs but 5 weights"),
        ((X[:0], Y[:0]), "inputs are empty"),
        ((X, torch.tensor(1)), "targets are empty"),
        ((changed(X, (3, 1), torch.nan), Y), "1 of 12 training samples have inputs that are NaN"),
        ((changed(X, slice(2), torch.inf), Y), "2 of 12 training samples"),
        ((X, changed(Y, 7, 4)), "4 outputs, so labels are 0 to 3; 4 arrived"),
        ((X, changed(Y, 7, -1)), "-1 arrived"),
        ((X, Y.float()), "labels are whole numbers"),
        ((X, Y.unsqueeze(1)), r"shape \(N, 1\), whole numbers, and outputs of \(N, 4\)"),
        ((X, Y, torch.ones(12, 1)), "one number a sample"),
        ((X, Y, -torch.ones(12)), "their sum must be positive"),
        ((X, Y, changed(torch.ones(12), 0, torch.nan)), "weights that are NaN"),
        ((X,), "got 1 tensors"),
        ((X.numpy(), Y.numpy()), r"torch\.as_tensor"),
        (X, "or a DataLoader, got Tensor"),
        (3, "tensors"),
        ([], "training data are empty"),
        ([(X, Y, None, None)], "must give"),
        ([(X, "labels")], "must be a tensor, got str"),
    ],
)
def test_mistakes_are_named_and_change_nothing(train, message):
    net = model()
    before = net[0].weight.detach().clone()
    with pytest.raises(UsageError, match=message):
        fit(net, train, config=Config(epochs=1))
    assert torch.equal(net[0].weight, before)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ((X, changed(Y, 0, 9)), "9 arrived"),
        ((X[:0], Y[:0]), "validation inputs are empty"),
        ((changed(X, 0, torch.nan), Y), "1 of 12 validation samples"),
    ],
)
def test_validation_data_are_looked_at_before_the_training(validation, message):
    net = model()
    before = net[0].weight.detach().clone()
    with pytest.raises(UsageError, match=message):
        fit(net, (X, Y), validation, Config(epochs=1))
    assert torch.equal(net[0].weight, before)


def test_a_generator_is_empty_in_its_second_epoch():
    batches = ((X, Y) for _ in range(2))
    with pytest.raises(UsageError, match="anew in every epoch"):
        fit(model(), batches, config=Config(epochs=2))


def test_regression_targets_must_fit():
    with pytest.raises(
        UsageError, match=r"\(N, 2\), numbers, and outputs of \(N, 4\) do not suit loss='mse'"
    ):
        fit(model(), (X, torch.rand(12, 2)), config=Config(epochs=1), loss="mse")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer"),
        ({"epochs": 2.5}, "epochs to be int"),
        ({"epochs": -1}, "epochs to be 0 or more"),
        ({"batch_size": 0}, "batch_size to be 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate to be positive"),
        ({"learning_rate": float("nan")}, "learning_rate to be float"),
        ({"gamma": -1.0}, "gamma to be positive"),
        ({"weight_decay": -0.1}, "weight_decay to be 0 or more"),
        ({"optimizer": "lbfgs", "weight_decay": 0.1}, "give fit a penalty instead"),
        ({"optimizer": "lbfgs", "clip_norm": 1.0}, "neither weight_decay nor clip_norm"),
        ({"monitor": "val_loss"}, "unknown column to monitor 'val_loss'"),
        ({"batch_size": 13, "drop_last": True}, "do not fill one batch of 13"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(UsageError, match=message):
        fit(model(), (X, Y), config=Config(**settings))


def test_names_are_checked():
    with pytest.raises(UsageError, match="unknown loss 'mes'; did you mean 'mse'"):
        fit(model(), (X, Y), loss="mes")
    with pytest.raises(UsageError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        fit(model(), (X, Y), (X, Y), metrics=("acuracy",))
    with pytest.raises(UsageError, match=r"must give one number a sample, shape \(12,\)"):
        evaluate(model(), (X, Y), metrics=(lambda outputs, targets: outputs.mean(),))
    with pytest.raises(UsageError, match="unknown column of the history 'val_loss'"):
        _ = fit(model(), (X, Y), config=Config(epochs=1)).val_loss
    with pytest.raises(UsageError, match="nothing to train"):
        fit(nn.Flatten(), (X, Y))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": {"epoch": 3}}, "unknown setting 'epoch'; did you mean 'epochs'"),
        (
            {"penalty": lambda m: m[0].weight},
            r"the penalty must be a tensor of one number, got shape",
        ),
        ({"penalty": lambda m: 0.5}, "the penalty must be a tensor of one number, got float"),
        ({"loss": lambda outputs, targets: 0.5}, "the loss <lambda> must be a tensor"),
    ],
)
def test_functions_and_mappings_are_checked(options, message):
    with pytest.raises(UsageError, match=message):
        fit(model(), (X, Y), **options)


def test_settings_may_be_a_mapping():
    assert len(fit(model(), (X, Y), config={"epochs": 2, "learning_rate": 1})) == 2


def test_a_last_batch_of_one_cannot_be_normalised():
    net = KAN([3, 4], input_map="batch")
    with pytest.raises(UsageError, match="knows no spread"):
        fit(net, (X, Y), config=Config(epochs=1, batch_size=11))
    fit(net, (X, Y), config=Config(epochs=1, batch_size=11, drop_last=True))
    fit(net, (X, Y), config=Config(epochs=1, batch_size=5))


def test_batches_hold_every_sample_once_a_pass():
    data = as_data("training", (torch.arange(12.0).unsqueeze(1), Y))
    order = torch.Generator().manual_seed(0)
    for size, drop, expected in ((5, False, 12), (5, True, 10), (12, True, 12), (50, False, 12)):
        batches = list(data.batches(size, order, drop))
        seen = torch.cat([x for x, _, _ in batches]).flatten().tolist()
        assert len(set(seen)) == len(seen) == expected
        assert len(batches) == data.steps(size, drop)
        assert all(torch.equal(x.flatten().long() % 4, y) for x, y, _ in batches)


def test_weighted_means_of_an_evaluation():
    outputs = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    labels, weights = torch.tensor([0, 0, 0]), torch.tensor([1.0, -0.5, 2.5])
    scores = evaluate(nn.Identity(), (outputs, labels, weights), batch_size=2)
    losses = torch.nn.functional.cross_entropy(outputs, labels, reduction="none")
    assert scores["loss"] == pytest.approx(float((losses * weights).sum() / 3))
    assert scores["accuracy"] == pytest.approx(3.5 / 3)


CLASSES, ONE = torch.arange(6) % 2, torch.linspace(-1, 1, 6)
HOT = nn.functional.one_hot(CLASSES, 2)


@pytest.mark.parametrize(
    ("outputs", "targets", "wanted"),
    [
        (2, CLASSES, "cross_entropy"),
        (2, CLASSES.to(torch.uint8), "cross_entropy"),
        (2, CLASSES.bool(), "cross_entropy"),
        (2, HOT.float(), "cross_entropy"),
        (1, ONE, "mse"),
        (1, ONE.unsqueeze(1), "mse"),
        (1, ONE.double(), "mse"),
        (2, torch.stack([ONE, ONE**2], 1), "mse"),
        (1, CLASSES, "an output each"),
        (1, CLASSES.unsqueeze(1), "an output each"),
        (1, CLASSES.float(), "whole numbers with an output each"),
        (1, CLASSES.float().unsqueeze(1), "whole numbers with an output each"),
        (2, CLASSES.float(), "labels are whole numbers"),
        (2, CLASSES.unsqueeze(1), "labels are whole numbers"),
        (2, HOT, "labels are one number a sample"),
        (2, HOT * 0.8 + 0.1, "probabilities need loss='cross_entropy'"),
        (2, torch.stack([CLASSES, CLASSES], 1).float(), "independent classes"),
        (2, torch.stack([ONE] * 3, 1), "have the outputs' shape"),
        (2, CLASSES + 1, "labels are 0 to 1; 2 arrived"),
        (2, CLASSES - 1, "-1 arrived"),
        (2, CLASSES.cfloat(), "complex"),
        (1, torch.full((6,), torch.nan), "NaN"),
    ],
)
@pytest.mark.parametrize("loaded", [False, True])
def test_the_loss_is_that_of_the_targets_or_refused(outputs, targets, wanted, loaded):
    data = (torch.rand(6, 3), targets)
    if loaded:
        data = DataLoader(TensorDataset(*data), batch_size=4)
    net, names = MLP([3, outputs]), ("cross_entropy", "mse")
    if wanted not in names:
        for run in (fit, evaluate):
            with pytest.raises(UsageError, match=wanted):
                run(net, data)
        return
    (other,) = {*names} - {wanted}
    assert evaluate(net, data) == evaluate(net, data, loss=wanted)
    assert ("val_accuracy" in fit(net, data, data, {"epochs": 1}).columns) == (wanted == names[0])
    if other == "cross_entropy" or targets.ndim == 1:
        with pytest.raises(UsageError, match="do not suit loss="):
            fit(net, data, loss=other)


def test_functions_that_spread_targets_are_refused():
    x, y, net = torch.rand(6, 3), torch.rand(6), MLP([3, 1])

    def spread(outputs, targets):
        return (outputs - targets).square().mean()

    def squeezed(outputs, targets):
        return (outputs.squeeze(1) - targets).square()

    def summed(outputs, targets):
        return squeezed(outputs, targets).sum()

    def mae(outputs, targets):
        return (outputs - targets).abs().mean(1)

    with pytest.raises(UsageError, match="spread compares every output"):
        fit(net, (x, y), loss=spread)
    with pytest.raises(UsageError, match="cross-entropy of one output is 0"):
        fit(net, (x, (y > 0.5).long()), loss=nn.CrossEntropyLoss())
    with pytest.raises(UsageError, match=r"MSELoss.* compares every output"), pytest.warns():
        fit(net, (x, y), loss=nn.MSELoss())
    for good in (squeezed, summed):
        fit(net, (x, y), loss=good, config={"epochs": 1})
    evaluate(net, (x, y), metrics=mae)  # by then they are in the outputs' shape
    with pytest.raises(UsageError, match="the metric mae gives a sample another number"):
        evaluate(net, (x, y), loss=squeezed, metrics=mae)


def mae(outputs, targets):
    return (outputs - targets).abs().flatten(1).mean(1)


def test_the_direction_of_a_metric_is_known_or_asked_for():
    data = (torch.rand(8, 3), torch.rand(8, 1))
    settings = {"epochs": 3, "monitor": "val_mae", "learning_rate": 0.1}
    with pytest.raises(UsageError, match="small or a large val_mae better"):
        fit(MLP([3, 1]), data, data, settings, metrics=mae)
    for direction, find in (("min", np.argmin), ("max", np.argmax)):
        history = fit(MLP([3, 1]), data, data, settings | {"direction": direction}, metrics=mae)
        assert history.best_epoch == find(history["val_mae"])
    with pytest.raises(UsageError, match="the best val_loss is the minimum"):
        fit(MLP([3, 1]), data, data, {"monitor": "val_loss", "direction": "max"})
    with pytest.raises(UsageError, match="unknown column to monitor 'val_accuracy'"):
        fit(MLP([3, 1]), data, data, {"monitor": "val_accuracy"})
    with pytest.raises(UsageError, match="unknown column to monitor 'val_mse'"):
        fit(MLP([3, 1]), data, data, {"monitor": "val_mse"})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Config(lr=0.1), "unknown setting 'lr'; did you mean 'learning_rate'"),
        (lambda: Config(wd=0.1), "did you mean 'weight_decay'"),
        (lambda: Config(learning_rate=True), "learning_rate to be float"),
        (lambda: Config(epochs=np.inf), "epochs to be int"),
        (lambda: fit(model(), (X, Y), (X[:, :2], Y)), "one of the validation data"),
        (lambda: fit(model(), (X.double(), Y)), r"MLP: expected torch\.float32"),
        (lambda: fit(model(), X, Y), "got Tensor"),
        (lambda: fit(model(), (X.tolist(), Y.tolist())), r"torch\.as_tensor"),
        (lambda: fit(model(), [X.tolist(), Y.tolist()]), "must give"),
        (lambda: fit(model(), {"x": X, "y": Y}), "got dict"),
        (lambda: fit(model(), (X, list("abcdefghijkl"))), r"\['Tensor', 'list'\]"),
        (lambda: fit(model(), [{"x": X, "y": Y}]), "got dict; use a DataLoader"),
        (lambda: fit(model(), DataLoader(PAIRS, batch_size=13, drop_last=True)), "drop_last"),
        (lambda: fit(model(), PAIRS, DataLoader(PAIRS, batch_size=13, drop_last=True)), "empty"),
        (lambda: fit("model", (X, Y)), r"trains a torch\.nn\.Module, got str"),
        (lambda: fit(model(), (X, Y), progress=print), "progress is True or"),
        (lambda: fit(model(), (X, Y), loss=3), "loss is a name or a function"),
        (lambda: fit(model(), (X, Y), config=3), "config is a TrainingConfig or"),
        (lambda: fit(model(), (X, Y), config={"lr": 3}), "did you mean 'learning_rate'"),
        (lambda: fit(model(), (X, Y), penalty=0.1), "penalty is a function"),
        (lambda: fit(model(), (X, Y), metrics=3), "metrics are names or functions"),
        (lambda: predict(model(), X.numpy()), r"expects a torch\.Tensor, ndarray"),
        (lambda: predict(model(), X, batch_size=0), "batch_size must be"),
        (lambda: fit(nn.Sequential(model(), nn.Flatten(0)), (X, Y)), "outputs of"),
    ],
)
def test_slips_are_named(call, message):
    with pytest.raises(UsageError, match=message):
        call()


PAIRS = TensorDataset(X, Y)


def test_numbers_of_numpy_are_numbers():
    config = Config(epochs=np.int64(2), learning_rate=np.float64(0.01), batch_size=np.int32(20))
    assert config == Config(epochs=2, learning_rate=0.01, batch_size=20)
    assert len(fit(model(), (X, Y), config=config)) == 2
