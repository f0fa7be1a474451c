"""Look-up tables: exact at the middles of cells, errors that shrink with bits, nothing but integers."""

import json

import numpy as np
import pytest
import torch

import qkan
from circuits.errors import UsageError
from qkan.analysis.lookup_table import LookUpTables

X = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) * 4 - 2


def model(kind: str = "qkan", **settings: object) -> torch.nn.Module:
    from qkan.models import make

    generator = torch.Generator().manual_seed(0)
    return make({"kind": kind, "sizes": [3, 4, 2], **settings}, generator=generator)


@pytest.mark.parametrize("kind", ["qkan", "kan", "sinekan"])
def test_errors_shrink_with_the_bits(kind: str) -> None:
    net = model(kind)
    exact = net(X).detach().numpy()
    errors = [
        np.abs(LookUpTables.of(net, X, address_bits=bits, fraction_bits=bits + 2)(X) - exact).max()
        for bits in (5, 8, 11)
    ]
    assert errors[1] < errors[0] / 4
    assert errors[2] < errors[1] / 4


def test_a_layer_is_exact_at_the_middles_of_its_cells_but_for_the_rounding() -> None:
    layer = qkan.QuantumKANLayer(3, 2, generator=torch.Generator().manual_seed(2))
    tables = LookUpTables.of(layer, X, address_bits=4, fraction_bits=12)
    table = tables.layers[0]
    middles = table.low + (np.arange(16)[:, None] + 0.5) / 16 * (table.high - table.low)
    exact = layer(torch.tensor(middles, dtype=torch.float32)).detach().numpy()
    assert np.abs(tables(middles) - exact).max() <= 4 * 0.5 * 2**-12 + 1e-5


def test_inputs_beyond_the_range_take_the_last_entry() -> None:
    tables = LookUpTables.of(model(), X)
    edge = tables.layers[0].high[None]
    assert np.array_equal(tables(edge + 100), tables(edge))


def test_text_round_trip_and_rubbish(tmp_path) -> None:  # type: ignore[no-untyped-def]
    tables = LookUpTables.of(model(), X, address_bits=4)
    (tmp_path / "tables.json").write_text(tables.to_json())
    again = LookUpTables.from_json(tmp_path / "tables.json")
    assert np.array_equal(again(X), tables(X))
    good = tables.to_json()
    first, second = json.loads(good)
    odd = [
        [first, first], [], [{**first, "low": [0.0]}], [{**first, "high": first["low"]}],
        [{**first, "offset": [[0, 0]]}], [{**first, "entries": []}], [{**first, "low": [1e400] * 3}],
        [second, first],
    ]  # fmt: skip
    for text in ("{", "[{}]", "3", *map(json.dumps, odd)):
        with pytest.raises(UsageError, match="no look-up tables"):
            LookUpTables.from_json(text)


def test_what_tables_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="maps its inputs"):
        LookUpTables.of(model("kan", input_map="layer"), X)
    with pytest.raises(UsageError, match="address_bits must be an integer"):
        LookUpTables.of(model(), X, address_bits=0)
    with pytest.raises(UsageError, match=r"shape \(N, in\), got \(3,\)"):
        LookUpTables.of(model(), X[0])
    with pytest.raises(UsageError, match=r"shape \(N, 3\)"):
        LookUpTables.of(model(), X)(X[:, :2])


class Around(torch.nn.Module):
    """A model that calls a chain, and does something around it."""

    def __init__(self, function, *sizes):  # type: ignore[no-untyped-def]
        super().__init__()
        self.inner, self.function = qkan.KAN([*sizes]), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.function(self.inner, x)
        return result


SHARED = qkan.KAN([3, 3])
NO_CHAINS = {
    "softplus": lambda: torch.nn.Sequential(model(), torch.nn.Softplus(), qkan.QKAN([2, 1])),
    "relu behind": lambda: torch.nn.Sequential(model(), torch.nn.ReLU()),
    "linear behind": lambda: torch.nn.Sequential(model(), torch.nn.Linear(2, 2)),
    "linear in front": lambda: torch.nn.Sequential(torch.nn.Linear(3, 3), model()),
    "sigmoid behind": lambda: torch.nn.Sequential(model(), torch.nn.Sigmoid()),
    "normalisation": lambda: torch.nn.Sequential(
        model(), torch.nn.BatchNorm1d(2), qkan.KAN([2, 1])
    ),
    "residual": lambda: Around(lambda net, x: net(x) + x, 3, 3),
    "scaled outside": lambda: Around(lambda net, x: 2 * net(x), 3, 2),
    "clipped outside": lambda: Around(lambda net, x: net(x.clamp(-3, 3)), 3, 2),
    "shared": lambda: torch.nn.Sequential(SHARED, SHARED),
    "a half of the inputs": lambda: Around(lambda net, x: net(x[:, :3]), 3, 2),
}


@pytest.mark.parametrize("kind", NO_CHAINS)
def test_what_is_no_chain_of_layers_is_refused(kind: str) -> None:
    x = torch.cat([X, X], dim=1) if kind == "a half of the inputs" else X
    with pytest.raises(UsageError, match="not its KAN layers"):
        LookUpTables.of(NO_CHAINS[kind](), x)


def test_what_has_no_entry_is_refused() -> None:
    net = qkan.KAN([3, 2], generator=torch.Generator().manual_seed(0))
    tables = LookUpTables.of(net, X)
    with pytest.raises(UsageError, match="NaN has no address"):
        tables(np.full((1, 3), np.nan))
    with torch.no_grad():
        net[0].edge_weight *= 1e20
    with pytest.raises(UsageError, match="too large for 10 fraction bits"):
        LookUpTables.of(net, X)
