"""The loop: against one written by hand, and everything that it can be asked for."""

import io

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from circuits.errors import UsageError
from qkan.models import KAN, MLP, QKAN
from qkan.progress import Progress
from qkan.training import DivergedError, evaluate, fit, predict
from qkan.training import TrainingConfig as Config


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mlp(seed=0, **options):
    return MLP([4, 8, 3], generator=seeded(seed), **options)


def equal(a, b):
    return all(
        torch.equal(p, q)
        for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_it_is_the_loop_that_one_writes_by_hand(data, name, kind):
    x, y = data
    model, twin = mlp(), mlp()
    config = Config(epochs=3, batch_size=16, optimizer=name, weight_decay=0.1, gamma=0.5, seed=3)
    history = fit(model, data, data, config)

    optimizer = kind(twin.parameters(), lr=1e-3, weight_decay=0.1, fused=True)
    order = seeded(3)
    torch.randint(2**62, (), generator=order)
    for epoch in range(3):
        optimizer.param_groups[0]["lr"] = 1e-3 * 0.5**epoch
        losses = []
        for batch in torch.randperm(60, generator=order).split(16):
            loss = functional.cross_entropy(twin(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += [loss.item()] * len(batch)
        assert history.train_loss[epoch] == pytest.approx(np.mean(losses), rel=1e-6)
        with torch.no_grad():
            assert history.val_loss[epoch] == pytest.approx(functional.cross_entropy(twin(x), y))
            assert history.val_accuracy[epoch] == pytest.approx(
                (twin(x).argmax(1) == y).mean(dtype=torch.double)
            )
    assert equal(model, twin)
    assert len(fit(twin, data, data, Config(epochs=0))) == 0
    assert equal(model, twin)
    np.testing.assert_allclose(history.learning_rate, [1e-3, 5e-4, 2.5e-4])
    assert (history.seconds > 0).all()


@pytest.mark.slow
def test_lbfgs_finds_a_function_of_the_same_kind():
    x = torch.linspace(-1, 1, 50, dtype=torch.float64).unsqueeze(1)
    truth = KAN([1, 1], generator=seeded(1), dtype=torch.float64)
    model = KAN([1, 1], generator=seeded(2), dtype=torch.float64)
    config = Config(epochs=3, optimizer="lbfgs", batch_size=None, max_iter=50)
    history = fit(model, (x, truth(x).detach()), config=config, loss="mse")
    assert history.train_loss[-1] < 1e-10


def test_weights_count_samples(data):
    """A sample of weight three is the same as three samples; one of minus one takes one away."""
    x, y = data
    weights = torch.ones(60)
    weights[5], weights[8], weights[11] = 3, 0, -1
    repeated = torch.cat([torch.arange(60), torch.tensor([5, 5, 11])])
    counted = torch.where(repeated == 8, 0.0, 1.0)
    counted[repeated == 11] = torch.tensor([-3.0, 2.0])
    config = Config(epochs=20, batch_size=None, learning_rate=0.05)
    one, other = mlp(dtype=torch.float64), mlp(dtype=torch.float64)
    x = x.double()
    a = fit(one, (x, y, weights), (x, y, weights), config)
    b = fit(other, (x[repeated], y[repeated], counted), (x, y, weights), config)
    np.testing.assert_allclose(a.train_loss, b.train_loss, rtol=1e-9)
    np.testing.assert_allclose(a.val_loss, b.val_loss, rtol=1e-9)
    np.testing.assert_allclose(a.val_accuracy, b.val_accuracy, rtol=1e-9)


def test_weights_of_a_loss_of_ones_own(data):
    x, y = data
    config = Config(epochs=2)

    def each(outputs, targets):
        return functional.cross_entropy(outputs, targets, reduction="none")

    one, other = mlp(), mlp()
    fit(one, (x, y, torch.rand(60, generator=seeded())), config=config, loss=each)
    fit(other, (x, y, torch.rand(60, generator=seeded())), config=config)
    assert equal(one, other)
    with pytest.raises(UsageError, match="one number a sample, cross_entropy gives one"):
        fit(mlp(), (x, y, torch.ones(60)), config=config, loss=functional.cross_entropy)


def test_a_data_loader_works(data):
    x, y = data
    config = Config(epochs=3, batch_size=16)
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
    model, again = mlp(), mlp()
    history = fit(model, loader, DataLoader(TensorDataset(x, y), batch_size=7), config)
    assert evaluate(model, data)["loss"] == pytest.approx(history.val_loss[-1], rel=1e-6)
    fit(again, loader, config=config)
    assert equal(model, again)  # its order comes from the seed, and looking changes nothing
    in_order, indexed = mlp(), mlp()
    fit(in_order, DataLoader(TensorDataset(x, y), batch_size=60), config=config)
    fit(indexed, [(x, y)], config=config)
    assert equal(in_order, indexed)
    dataset, tensors = mlp(), mlp()
    fit(dataset, TensorDataset(x, y), config=config)
    fit(tensors, (x, y), config=config)
    assert equal(dataset, tensors)


def test_early_stopping_restores_the_best_weights(data):
    config = Config(epochs=200, batch_size=8, learning_rate=0.2, patience=3)
    model = mlp()
    held_out = (data[0].flip(0), data[1])
    history = fit(model, data, held_out, config)
    assert len(history) == history.best_epoch + 1 + 3 < 200
    assert history.best_epoch == history.val_loss.argmin()
    assert evaluate(model, held_out)["loss"] == pytest.approx(history.val_loss.min(), rel=1e-6)
    by_accuracy = Config(epochs=5, monitor="val_accuracy", restore_best=True)
    other = mlp()
    history = fit(other, data, held_out, by_accuracy)
    assert history.best_epoch == history.val_accuracy.argmax()
    assert evaluate(other, held_out)["accuracy"] == pytest.approx(history.val_accuracy.max())


def test_penalty_and_clipping(data):
    model = mlp()
    history = fit(
        model,
        data,
        config=Config(epochs=40, learning_rate=0.02, clip_norm=1.0),
        penalty=lambda m: sum(p.abs().sum() for p in m.parameters()),
    )
    free = mlp()
    plain = fit(free, data, config=Config(epochs=40, learning_rate=0.02))
    assert history["penalty"][-1] < history["penalty"][0]
    size = [float(sum(p.detach().abs().sum() for p in m.parameters())) for m in (model, free)]
    assert size[0] < 0.2 * size[1]
    assert "penalty" not in plain.columns

    sgd_like = nn.Linear(4, 3)
    before = sgd_like.weight.detach().clone()
    fit(sgd_like, data, config=Config(epochs=1, batch_size=None, clip_norm=1e-12))
    # Adam divides by the gradient's size plus 1e-8, so that a clipped one hardly moves a weight.
    assert float((sgd_like.weight.detach() - before).abs().max()) < 1e-6


def test_modes_and_frozen_parameters_stay(data, net):
    model = net()
    model[0].eval()
    frozen = model[1].weight.clone()
    modes = [module.training for module in model.modules()]
    fit(model, data, data, Config(epochs=1))
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(model[1].weight, frozen)


def test_a_bar_shows_loss_accuracy_and_rate(data, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=150)
    fit(mlp(), data, data, Config(epochs=2, batch_size=1), progress=Progress(console))
    shown = stream.getvalue()
    assert "120/120" in shown
    assert "val_accuracy" in shown
    assert "rate 0.001" in shown


@pytest.mark.parametrize("make", [KAN, QKAN])
def test_targets_without_a_last_axis(make):
    x = torch.linspace(-1, 1, 20).unsqueeze(1)
    one, other = (make([1, 1], generator=seeded()) for _ in range(2))
    fit(one, (x, x.sin()), config=Config(epochs=2), loss="mse")
    fit(other, (x, x.sin().squeeze()), (x, x.sin().squeeze()), Config(epochs=2), loss="mse")
    assert equal(one, other)


def test_soft_labels(data):
    x, y = data
    one, other = mlp(), mlp()
    soft = functional.one_hot(y, 3).float()
    a = fit(one, data, data, Config(epochs=2))
    b = fit(other, (x, soft), (x, soft), Config(epochs=2))
    np.testing.assert_allclose(a.val_loss, b.val_loss, rtol=1e-6)
    np.testing.assert_allclose(a.val_accuracy, b.val_accuracy)


def test_predict_and_evaluate_leave_the_model_alone(data, net):
    model = net()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    outputs = predict(model, data[0], batch_size=7)
    assert not outputs.requires_grad
    scores = evaluate(model, data, batch_size=13)
    assert scores["loss"] == pytest.approx(float(functional.cross_entropy(outputs, data[1])))
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert model.training


def test_a_loss_that_is_lost_keeps_what_was_measured(data, tmp_path):
    file = tmp_path / "run.safetensors"
    model = mlp()

    def penalty(m):
        return m[0].weight.sum() * factor

    factor = 0
    fit(model, data, config=Config(epochs=2), checkpoint=file, penalty=penalty)
    good = {name: value.clone() for name, value in model.state_dict().items()}
    sabotaged, factor = mlp(), torch.inf
    with pytest.raises(DivergedError, match=r"not finite in epoch 3 of 5, at the learning rate"):
        fit(sabotaged, data, config=Config(epochs=5), checkpoint=file, penalty=penalty)
    continued = mlp()
    again = fit(continued, data, config=Config(epochs=2), checkpoint=file, penalty=penalty)
    assert len(again) == 2
    assert all(torch.equal(good[name], value) for name, value in continued.state_dict().items())

    with pytest.raises(DivergedError) as caught:
        fit(mlp(), data, config=Config(epochs=9, learning_rate=1e30))
    assert len(caught.value.history) < 9
    assert np.isfinite(caught.value.history.train_loss).all()
