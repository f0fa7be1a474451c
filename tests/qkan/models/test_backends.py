"""A network of two layers trains with shots on a simulator, and on a noisy device, as it does exactly."""

from __future__ import annotations

import pytest
import torch

from circuits import backend, packed
from qkan import QKAN

STEPS, SHOTS = 6, 2000
X = torch.linspace(-1, 1, 16, dtype=torch.float64).unsqueeze(1)
Y = torch.sin(2 * X)


def network(device, state=None):
    generator = torch.Generator().manual_seed(0)
    options = {"backend": device, "dtype": torch.float64, "generator": generator}
    model = QKAN([1, 1, 1], "pz(depth=1)", **options)
    if state is not None:
        model.load_state_dict(state)
    return model


def loss(model):
    return (model(X) - Y).square().mean()


def trained(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    return model


def descended(model):
    """Plain descent: it averages the noise of its gradients, where Adam scales it up."""
    return trained(model, torch.optim.SGD(model.parameters(), lr=0.3), STEPS)


@torch.no_grad()
def losses(model, repeats=5):
    return torch.stack([loss(model) for _ in range(repeats)])


@pytest.fixture(scope="module")
def start():
    """Weights near those of a good network, where every angle is off."""
    model = network(backend("default.qubit"))
    trained(model, torch.optim.Adam(model.parameters(), lr=0.1), 150)
    generator = torch.Generator().manual_seed(0)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for name in state:
        if "theta" in name:
            noise = torch.randn(state[name].shape, generator=generator, dtype=torch.float64)
            state[name] += 0.3 * noise
    return state


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aer", "aer:fake_manila"])
def test_training_reaches_the_loss_of_the_exact_run_within_its_shot_noise(name, start):
    there = packed(backend(name, shots=SHOTS, seed=1), qubits=4)
    exact = descended(network(backend("default.qubit"), start))
    reference = losses(network(there, exact.state_dict()))
    reached = losses(descended(network(there, start)))
    assert losses(network(there, start), 1) > 0.5
    assert reached.max() < 0.03
    assert reached.mean() - reference.mean() < 5 * reference.std()
