"""A training that was stopped goes on as if it had not been: bit by bit."""

import json
import os
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from circuits.errors import UsageError
from qkan.models import MLP
from qkan.store import read_tensors, write_tensors
from qkan.training import CheckpointWarning, fit
from qkan.training import TrainingConfig as Config

CONFIGS = {
    "adam": Config(epochs=5, batch_size=16, optimizer="adam", gamma=0.8, weight_decay=0.01),
    "adamw": Config(epochs=5, batch_size=16, optimizer="adamw", weight_decay=0.1, clip_norm=0.5),
    "lbfgs": Config(epochs=5, batch_size=20, optimizer="lbfgs", max_iter=4, gamma=0.9),
    "patience": Config(epochs=30, batch_size=16, learning_rate=0.1, patience=3),
}


def equal(model, twin):
    states = zip(model.state_dict().items(), twin.state_dict().items(), strict=True)
    return all(name == key and torch.equal(a, b) for (name, a), (key, b) in states)


def same(one, other):
    model, history = one
    twin, again = other
    assert equal(model, twin)
    for name, values in history.columns.items():
        if name != "seconds":
            assert values.tolist() == again[name].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_it_goes_on_exactly(data, net, tmp_path, name):
    config = CONFIGS[name]
    through = net()
    history = fit(through, data, data, config)
    file = tmp_path / "run.safetensors"
    for seed, epochs in ((0, 1), (1, 3)):
        torch.rand(7)  # whatever else the process draws
        fit(net(seed), data, data, replace(config, epochs=epochs), checkpoint=file)
    stopped = net(2)
    same((through, history), (stopped, fit(stopped, data, data, config, checkpoint=file)))
    finished = net(3)  # nothing is left to do
    same((through, history), (finished, fit(finished, data, data, config, checkpoint=file)))


def test_a_data_loader_goes_on_exactly(data, net, tmp_path):
    def loaded(model, epochs, file=None, generator=None):
        loader = DataLoader(TensorDataset(*data), batch_size=16, shuffle=True, generator=generator)
        history = fit(model, loader, config=Config(epochs=epochs), checkpoint=file)
        return model, history

    same(loaded(net(), 4), (loaded(net(), 2, tmp_path / "a"), loaded(net(), 4, tmp_path / "a"))[1])
    whole = loaded(net(), 4, generator=torch.Generator().manual_seed(3))
    loaded(net(), 2, tmp_path / "b", torch.Generator().manual_seed(3))
    same(whole, loaded(net(1), 4, tmp_path / "b", torch.Generator().manual_seed(4)))


def test_the_process_draws_what_it_would_have_drawn(data, net, tmp_path):
    before = torch.get_rng_state()
    fit(net(), data, data, CONFIGS["adam"], checkpoint=tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(UsageError):
        fit(net(), (data[0], data[1] + 1), config=CONFIGS["adam"])
    assert torch.equal(torch.get_rng_state(), before)


KILLED = """
import os, signal, sys, warnings
import torch
from circuits import store as files
from qkan.models import MLP
from qkan.training import TrainingConfig, fit

def train(path):
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(60, 4, generator=generator), torch.arange(60) % 3
    model = MLP([4, 8, 3], dropout=0.3, generator=generator)
    history = fit(model, data, data, TrainingConfig(epochs=6, batch_size=16), checkpoint=path)
    return history.train_loss.tolist(), model[0].weight.tolist()

def killed(step, at):  # in a process of its own, at the call of that number
    warnings.simplefilter("ignore")
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    calls, real = iter(range(100)), getattr(files.os, step)

    def die(*args, **kwargs):
        if next(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(files.os, step, die)
    train(sys.argv[1])
    os._exit(1)

whole = train(None)  # first, for it imports what the children then need not
# One after the other on the same run: while writing, before the renaming, between both names.
assert all(killed(*how) for how in (("fsync", 2), ("chmod", 1), ("replace", 2)))
print(*sorted(os.listdir(os.path.dirname(sys.argv[1]))))
assert train(sys.argv[1]) == whole
"""


@pytest.mark.slow
def test_killed_at_each_step_of_a_checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run.safetensors-")  # what the killed one was writing
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, f"{path.name}.previous"]


def damage(path, how):
    content = bytearray(path.read_bytes())
    match how:
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "empty":
            path.write_bytes(b"")
        case "changed":
            content[-20] ^= 1
            path.write_bytes(content)
        case "header":
            place = content.index(b'"epochs')
            path.write_bytes(content.replace(b"adam", b"amad", 1) if place else b"")


@pytest.mark.parametrize("how", ["cut", "empty", "changed", "header"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(data, net, tmp_path, how):
    config = CONFIGS["adam"]
    through = net()
    history = fit(through, data, data, config)
    file = tmp_path / "run.safetensors"
    fit(net(), data, data, replace(config, epochs=3), checkpoint=file)
    damage(file, how)
    again = net(1)
    with pytest.warns(CheckpointWarning, match=r"run.safetensors.damaged.*from the epoch before"):
        resumed = fit(again, data, data, config, checkpoint=file)
    same((through, history), (again, resumed))
    assert (tmp_path / "run.safetensors.damaged").exists()


def test_with_both_damaged_it_starts_anew_and_says_so(data, net, tmp_path):
    config = CONFIGS["adam"]
    file = tmp_path / "run"
    fit(net(), data, config=replace(config, epochs=2), checkpoint=file)
    damage(file, "cut")
    damage(tmp_path / "run.previous", "changed")
    through, again = net(), net()
    history = fit(through, data, config=config)
    with pytest.warns(CheckpointWarning) as caught:
        resumed = fit(again, data, config=config, checkpoint=file)
    assert "goes on" in str(caught[0].message)
    assert "starts anew" in str(caught[1].message)
    same((through, history), (again, resumed))


def test_a_checkpoint_of_another_training_is_refused(data, net, tmp_path):
    x, y = data
    config = CONFIGS["adam"]
    file = tmp_path / "run"
    fit(net(), data, config=replace(config, epochs=2), checkpoint=file)
    content = file.read_bytes()

    def refused(match, model=None, train=data, settings=config, **options):
        with pytest.raises(UsageError, match=match):
            fit(model or net(), train, config=settings, checkpoint=file, **options)

    refused(
        "batch_size: 16, now 8",
        settings=Config(epochs=5, batch_size=8, gamma=0.8, weight_decay=0.01),
    )
    refused(r"data: \[60, .*now \[60", train=(x + 1, y))
    refused(r"data: \[60, .*now \[59", train=(x[1:], y[1:]))
    refused("validation data: None, now", validation=data)
    refused("penalty: None, now <lambda>; columns", penalty=lambda m: m[1].weight.sum())
    refused("loss: cross_entropy, now mse", train=(x, torch.zeros(60, 3)), loss="mse")
    refused("model: SmallNet, now Linear", model=torch.nn.Linear(4, 3))
    thawed = net()
    thawed[1].requires_grad_(True)
    refused("another model", model=thawed)
    assert file.read_bytes() == content


def test_a_model_of_the_same_shapes_is_another_model(data, tmp_path):
    file = tmp_path / "run"
    fit(MLP([4, 8, 3], "relu"), data, config=Config(epochs=1), checkpoint=file)
    with pytest.raises(UsageError, match=r"'activation': 'relu'.*, now .*'activation': 'tanh'"):
        fit(MLP([4, 8, 3], "tanh"), data, config=Config(epochs=2), checkpoint=file)


def test_other_files_are_left_alone(data, net, tmp_path):
    config = CONFIGS["adam"]
    file = tmp_path / "weights.safetensors"
    save_file({"w": torch.ones(3)}, file)
    with pytest.raises(UsageError, match=r"another program.*choose another file"):
        fit(net(), data, config=config, checkpoint=file)
    with pytest.raises(UsageError, match="is a folder"):
        fit(net(), data, config=config, checkpoint=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        fit(net(), data, config=config, checkpoint=tmp_path / "file" / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "weights.safetensors"]


class Own(Sampler):
    """An order of one's own, with a generator and a count of epochs."""

    def __init__(self, count, generator):
        self.count, self.rng, self.epoch = count, generator, 0

    def __iter__(self):
        self.epoch += 1
        order = torch.randperm(self.count, generator=self.rng).roll(self.epoch)
        return iter(order.tolist())

    def __len__(self):
        return self.count


class Noisy(Dataset):
    """Samples with noise from the generators of NumPy and Python."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] + np.random.rand() + random.random(), self.y[index]


ORDERS = {
    "batch sampler": lambda d, g: DataLoader(
        d, batch_sampler=BatchSampler(RandomSampler(d, generator=g), 16, False)
    ),
    "batch sampler, no generator": lambda d, _: DataLoader(
        d, batch_sampler=BatchSampler(RandomSampler(d), 16, False)
    ),
    "weighted": lambda d, g: DataLoader(
        d, 16, sampler=WeightedRandomSampler(torch.arange(1.0, 61), 60, generator=g)
    ),
    "subset": lambda d, g: DataLoader(d, 16, sampler=SubsetRandomSampler(range(50), generator=g)),
    "subset of a set": lambda d, g: DataLoader(Subset(d, range(50)), 16, True, generator=g),
    "own": lambda d, g: DataLoader(d, 16, sampler=Own(60, g)),
    "own in batches": lambda d, g: DataLoader(d, batch_sampler=BatchSampler(Own(60, g), 16, True)),
    "noisy": lambda d, _: DataLoader(Noisy(*d.tensors), 16, shuffle=True),
    "workers": lambda d, g: DataLoader(d, 16, True, generator=g, num_workers=1),
    "workers, no generator": lambda d, _: DataLoader(Noisy(*d.tensors), 16, True, num_workers=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_goes_on_exactly(data, net, tmp_path, order):
    def trained(model, epochs, seed, file=None):
        generator = torch.Generator().manual_seed(seed)
        loader = ORDERS[order](TensorDataset(*data), generator)
        np.random.seed(), random.seed()  # whatever else the process draws
        config = Config(epochs=epochs, learning_rate=0.1)
        return model, fit(model, loader, loader, config, checkpoint=file)

    whole = trained(net(), 4, 3)
    trained(net(), 1, 3, tmp_path / "run")
    trained(net(1), 2, 4, tmp_path / "run")
    same(whole, trained(net(2), 4, 5, tmp_path / "run"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": 1, "persistent_workers": True}, "persistent_workers keep random numbers"),
        ({"sampler": Own(60, np.random.default_rng(0))}, r"Own.rng is a Generator, whose state"),
        ({"sampler": Own(60, random.Random(0))}, r"Own.rng is a Random"),
        ({"sampler": Own(60, iter([3, 4]))}, r"Own.rng is a list_iterator"),
    ],
)
def test_orders_that_a_checkpoint_cannot_hold_are_refused(data, net, tmp_path, options, message):
    loader = DataLoader(TensorDataset(*data), batch_size=16, **options)
    with pytest.raises(UsageError, match=message):
        fit(net(), loader, config=Config(epochs=1), checkpoint=tmp_path / "run")


def test_two_trainings_do_not_write_one_checkpoint(data, net, tmp_path):
    file = tmp_path / "run"
    unfinished = [tmp_path / name for name in ("run-abcdefgh.tmp", "run.b-abcdefgh.tmp")]
    for path in unfinished:
        path.touch()

    def penalty(model):
        with pytest.raises(UsageError, match="another training is writing the checkpoint"):
            fit(net(), data, config=Config(epochs=1), checkpoint=file)
        return torch.zeros(())

    fit(net(), data, config=Config(epochs=1, batch_size=None), checkpoint=file, penalty=penalty)
    assert [path.exists() for path in unfinished] == [False, True]  # the other is another's
    fit(net(), data, config=Config(epochs=2, batch_size=None), checkpoint=file, penalty=penalty)


ODD = [None, True, -1, 2**70, 0.5, 1e400, "hub", "", [], [1, None], {}, {"a": {}}, {"tensor": "-1"}]


@pytest.mark.slow
def test_odd_states_are_our_error_or_the_right_training(data, net, tmp_path):
    """Whatever stands in a sealed file in place of a part of a state."""
    file, config = tmp_path / "run", Config(epochs=2, batch_size=None)
    whole = net()
    fit(whole, data, config=config, checkpoint=file)
    found = read_tensors(file, "hybrid-qkan training 1")
    wrong = 0
    for place in range(len(list(places(found.facts)))):
        for odd in ODD[place % 6 :: 6]:
            facts = json.loads(json.dumps(found.facts))
            tree, key = list(places(facts))[place]
            tree[key] = odd
            write_tensors(file, "hybrid-qkan training 1", facts, found.arrays)
            model = net()
            try:
                fit(model, data, config=config, checkpoint=file)
                assert equal(model, whole)
            except UsageError:
                wrong += 1
    assert wrong > 100


def places(tree):
    """Every place in a tree of JSON, and the dictionary or list that it is in; long lists but for their start."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items)[:12]:
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)
