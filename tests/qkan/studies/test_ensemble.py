import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.studies.ensemble import train_softmax_heads


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(18, 7, generator=generator, dtype=torch.float64)
    y = torch.randint(5, (18,), generator=generator)
    return (x[:11], y[:11]), (x[11:], y[11:])


def slow_twin(train, validation, seed, epochs, batch_size):
    """One seed, one `nn.Linear`, one loop over samples: what the batched code must equal."""
    (x, y), (x_val, y_val) = train, validation
    generator = torch.Generator().manual_seed(seed)
    weight = torch.empty(x.shape[1], 5, dtype=x.dtype)
    torch.nn.init.xavier_uniform_(weight, generator=generator)
    head = torch.nn.Linear(x.shape[1], 5, dtype=x.dtype)
    with torch.no_grad():
        head.weight.copy_(weight.T)
        head.bias.zero_()
    adam = torch.optim.Adam(head.parameters(), lr=1e-3, eps=1e-7)
    rows = []
    for _ in range(epochs):
        order, total = torch.randperm(len(x), generator=generator).tolist(), 0.0
        while order:
            batch, order = order[:batch_size], order[batch_size:]
            loss = torch.nn.functional.cross_entropy(head(x[batch]), y[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item() * len(batch)
        logits = head(x_val).detach()
        loss = torch.nn.functional.cross_entropy(logits, y_val)
        accuracy = sum(int(a == b) for a, b in zip(logits.argmax(1), y_val, strict=True))
        rows.append((total / len(x), loss.item(), accuracy / len(x_val)))
    return np.array(rows).T


@pytest.mark.parametrize("per_seed", [False, True])
def test_every_seed_equals_a_single_linear_layer(problem, per_seed):
    (x, y), (x_val, y_val) = problem
    seeds = [3, 8, 5]
    scale = torch.tensor([1.0, 2.0, -1.0], dtype=x.dtype)[:, None, None] if per_seed else 1.0
    history = train_softmax_heads(
        (scale * x, y), (scale * x_val, y_val), seeds=seeds, classes=5, epochs=6
    )
    for k, seed in enumerate(seeds):
        factor = scale[k] if per_seed else 1.0
        expected = slow_twin((factor * x, y), (factor * x_val, y_val), seed, 6, batch_size=4)
        for ours, theirs in zip(vars(history).values(), expected, strict=True):
            np.testing.assert_allclose(ours[k], theirs, rtol=0, atol=1e-12)


def test_a_seed_does_not_depend_on_its_neighbours(problem):
    together = train_softmax_heads(*problem, seeds=range(6), classes=5, epochs=4)
    alone = train_softmax_heads(*problem, seeds=[4], classes=5, epochs=4)
    for both, one in zip(vars(together).values(), vars(alone).values(), strict=True):
        np.testing.assert_allclose(both[4], one[0], rtol=0, atol=1e-12)
    assert not np.allclose(together.val_loss[0], together.val_loss[1])


def test_the_last_values_are_the_final_ones(problem):
    history = train_softmax_heads(*problem, seeds=range(3), classes=5, epochs=4)
    np.testing.assert_array_equal(history.final()["val_loss"], history.val_loss[:, 3])


@pytest.mark.parametrize("bad", [{"seeds": []}, {"epochs": 0}, {"batch_size": 0}, {"classes": 4}])
def test_settings_that_train_nothing_are_refused(problem, bad):
    with pytest.raises(UsageError, match="expected"):
        train_softmax_heads(*problem, **({"seeds": [0], "classes": 5, "epochs": 1} | bad))
