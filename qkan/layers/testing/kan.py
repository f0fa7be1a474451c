# ruff: noqa: D102 -- the names of the tests say what they test
"""What every classical KAN layer promises beside: its edges, its grid, its variance."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from circuits.errors import UsageError
from qkan.layers.kan_layer import KANLayer
from qkan.layers.testing.layer import BATCH, LayerContract

__all__ = ["KANLayerContract"]


class KANLayerContract(LayerContract):
    """What a :class:`KANLayer` promises beyond that."""

    def kan(self, **options: Any) -> KANLayer:
        """Return a seeded layer, known to be a :class:`KANLayer`."""
        layer = self.seeded(**options)
        assert isinstance(layer, KANLayer)
        return layer

    def test_the_outputs_are_the_sums_of_the_edges(self) -> None:
        layer = self.kan(dtype=torch.float64, base="silu")
        x = self.inputs(2, BATCH, dtype=torch.float64)
        edges = layer.edge_functions(x)
        assert edges.shape == (2, BATCH, self.in_features, self.out_features)
        total = edges.sum(-2) + (0 if layer.bias is None else layer.bias)
        torch.testing.assert_close(layer(x), total)

    def test_each_edge_sees_its_own_input_alone(self) -> None:
        layer = self.kan(dtype=torch.float64)
        x = self.inputs(1, dtype=torch.float64)
        moved = x.clone()
        moved[0, 1] += 0.05
        changed = (layer.edge_functions(moved) != layer.edge_functions(x))[0].any(-1)
        assert changed.tolist() == [False, True, False]

    def test_every_coefficient_gets_a_gradient(self) -> None:
        layer = self.kan()
        layer(self.inputs(200)).square().sum().backward()
        for name, parameter in layer.named_parameters():
            assert parameter.grad is not None, name
            assert bool((parameter.grad != 0).all()), name

    @pytest.mark.parametrize("input_map", ["layer", "batch", "tanh"])
    def test_normalization_is_a_choice(self, input_map: str) -> None:
        layer = self.kan(input_map=input_map)
        x = 100 * self.inputs(2, BATCH)
        plain = self.kan()
        plain.load_state_dict(layer.state_dict(), strict=False)
        flat = x.reshape(-1, self.in_features)
        if input_map == "tanh":
            expected = torch.tanh(flat)
        else:
            along = 1 if input_map == "layer" else 0
            spread = flat.std(along, unbiased=False, keepdim=True)
            expected = (flat - flat.mean(along, keepdim=True)) / spread
        torch.testing.assert_close(
            layer(x), plain(expected).view(2, BATCH, -1), rtol=1e-4, atol=1e-4
        )

    def test_misspelt_choices_are_named(self) -> None:
        with pytest.raises(UsageError, match="did you mean 'silu'"):
            self.make(base="silo")
        with pytest.raises(UsageError, match="did you mean 'layer'"):
            self.make(input_map="layr")

    @pytest.mark.parametrize("domain", [(1.0, 1.0), (2.0, -2.0), (0.0, torch.inf), (1.0,), "ab"])
    def test_a_domain_is_two_increasing_numbers(self, domain: Any) -> None:
        with pytest.raises(UsageError, match="domain must be"):
            self.make(domain=domain)

    def test_the_variance_survives_six_layers(self) -> None:
        generator = torch.Generator().manual_seed(0)
        width = 64
        kind: Any = type(self.kan())
        options = self.variance_options()
        layers = [kind(width, width, generator=generator, **options) for _ in range(6)]
        lower, upper = layers[0].domain
        sd = (upper - lower) / 4
        x = (lower + upper) / 2 + sd * torch.randn(2000, width, generator=generator)
        for layer in layers:
            x = layer(x).detach()
            assert float(x.std(0).mean()) == pytest.approx(sd, rel=0.15)

    def variance_options(self) -> dict[str, Any]:
        """Return what a layer needs to keep the variance."""
        return {}

    def test_the_grammar_of_the_constructor(self) -> None:
        parameters = inspect.signature(type(self.kan())).parameters
        names = list(parameters)
        assert names[:2] == ["in_features", "out_features"]
        assert {"domain", "base"} <= set(names)
        for name in ("bias", "input_map", "generator", "device", "dtype"):
            assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
