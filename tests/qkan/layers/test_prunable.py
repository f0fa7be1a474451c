"""Masks and smaller layers, the same for classical and quantum edges."""

import copy
import io
import pickle

import pytest
import torch
from torch.func import functional_call

from circuits import UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.chebyshev import ChebyshevKANLayer
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.layers.rbf import RBFKANLayer
from qkan.layers.sine import SineKANLayer

LAYERS = {
    "bspline": lambda **o: BSplineKANLayer(4, 3, **o),
    "bspline with knots": lambda **o: BSplineKANLayer(4, 3, grid=[-1, 0, 0.3, 1], **o),
    "batch": lambda **o: BSplineKANLayer(4, 3, input_map="batch", base=None, **o),
    "chebyshev": lambda **o: ChebyshevKANLayer(4, 3, base="silu", **o),
    "rbf": lambda **o: RBFKANLayer(4, 3, **o),
    "sine": lambda **o: SineKANLayer(4, 3, first=True, **o),
    "fourier": lambda **o: FourierKANLayer(4, 3, **o),
    "scaled": lambda **o: FourierKANLayer(4, 3, frequencies="per-input", base="silu", **o),
    "scaled edges": lambda **o: FourierKANLayer(4, 3, frequencies="per-edge", **o),
    "quantum": lambda **o: QuantumKANLayer(4, 3, **o),
    "quantum edges": lambda **o: QuantumKANLayer(4, 3, "rpz", frequencies="per-edge", **o),
    "entangled": lambda **o: QuantumKANLayer(4, 3, "entangled", evaluate="fourier", **o),
    "bare": lambda **o: QuantumKANLayer(
        4, 3, frequencies="fixed", weight=False, bias=False, base=None, **o
    ),
    "standardised": lambda **o: QuantumKANLayer(4, 3, input_map="standardise", **o),
}
KEEP = torch.tensor([[True, False, True], [False, False, True], [True, True, False], [False] * 3])
CONSTANTS = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def make(name, seed=0):
    layer = LAYERS[name](generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    layer(x)  # moves running statistics
    return layer.eval()


def points():
    return torch.rand(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 0.5


def edges(layer, x):
    return layer.edge_functions(x)


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_change_by_what_was_removed_alone(name):
    layer, x = make(name), points()
    before, each = layer(x), edges(layer, x)
    layer.prune_edges(KEEP, CONSTANTS)
    torch.testing.assert_close(layer(x), before - (each * ~KEEP).sum(1) + CONSTANTS)
    torch.testing.assert_close(edges(layer, x), each * KEEP)
    layer.prune_edges(KEEP.roll(1, 0), CONSTANTS)  # what is off stays off
    assert torch.equal(layer.kept_edges, KEEP & KEEP.roll(1, 0))
    torch.testing.assert_close(layer.offset.data, 2 * CONSTANTS)
    assert f"edges={int(layer.kept_edges.sum())} of 12" in repr(layer)


@pytest.mark.parametrize("name", LAYERS)
def test_pruned_edges_stay_off_in_training(name):
    layer, x = make(name), points()
    layer.prune_edges(KEEP, CONSTANTS)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(x).square().sum().backward()
        optimizer.step()
    assert bool((edges(layer, x)[:, ~KEEP] == 0).all())
    assert not torch.equal(layer.offset, CONSTANTS)  # the offset is trained


@pytest.mark.parametrize("name", ["bspline", "quantum"])
def test_masks_survive_copies_and_states(name):
    layer, x = make(name), points()
    plain = layer.state_dict()
    layer.prune_edges(KEEP, CONSTANTS)
    wanted = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), wanted)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    fresh = make(name, seed=1)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(fresh(x), wanted)
    assert torch.equal(functional_call(layer, fresh.state_dict(), (x,)), wanted)
    assert layer.float()(x.float()).dtype == torch.float32
    fresh.load_state_dict(plain)  # a state without a mask takes it away
    assert fresh.mask is None
    assert fresh.offset is None
    with pytest.raises(RuntimeError, match=r"Unexpected key.*mask"):
        fresh.load_state_dict({**plain, "mask": KEEP.T})


@pytest.mark.parametrize("name", LAYERS)
def test_selecting_features_makes_the_same_function_smaller(name):
    layer, x = make(name), points()
    layer.prune_edges(KEEP, CONSTANTS)
    inputs, outputs = torch.tensor([2, 0, 3]), torch.tensor([1, 2])
    each, offset = edges(layer, x), layer.offset.detach().clone()
    bias = getattr(layer, "bias", None)
    bias = 0 if bias is None or bias.ndim > 1 else bias[outputs].detach().clone()
    size = sum(p.numel() for p in layer.parameters())
    layer.select_features(inputs, outputs)
    assert (layer.in_features, layer.out_features) == (3, 2)
    wanted = each[:, inputs][..., outputs].sum(1) + offset[outputs] + bias
    torch.testing.assert_close(layer(x[:, inputs]), wanted)
    assert sum(p.numel() for p in layer.parameters()) < size
    layer(x[:, inputs]).sum().backward()
    with pytest.raises(UsageError, match=r"\(\.\.\., 3\)"):
        layer(x)
    with pytest.raises(UsageError, match="at least one input"):
        layer.select_features(torch.tensor([0]), torch.tensor([], dtype=torch.long))


def test_mistakes_are_named():
    layer = make("rbf")
    with pytest.raises(UsageError, match=r"boolean tensor of shape \(4, 3\)"):
        layer.prune_edges(KEEP.T)
    with pytest.raises(UsageError, match="boolean"):
        layer.prune_edges(KEEP.float())
    with pytest.raises(UsageError, match="3 finite numbers"):
        layer.prune_edges(KEEP, torch.tensor([0.0, torch.nan, 0.0]))
    for index in ([True, False, True, True], [0.0], [4], [-1], [1, 1], [[0]]):
        with pytest.raises(UsageError, match="different integers from 0 to 3"):
            layer.select_features(torch.tensor(index), torch.arange(3))
    mixed = BSplineKANLayer(4, 3, input_map="layer")
    with pytest.raises(UsageError, match="mean over all inputs"):
        mixed.select_features(torch.tensor([0]), torch.arange(3))
