# ruff: noqa: D102 -- the names of the tests say what they test
"""What a layer of this library promises, as test classes to inherit.

Write ``make`` and let pytest collect the subclass; a new layer then has to keep the promises that the others keep:
shapes, dtypes, copies, functional transforms, gradients, errors and, of a KAN layer, its edges. It needs pytest, which
is not a dependency of the library.
"""

from __future__ import annotations

import copy
import inspect
import io
import json
import math
import pickle
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import (
    functional_call,
    grad,
    hessian,
    jacrev,
    jvp,
    stack_module_state,
    vmap,
)

from circuits.errors import UsageError
from qkan.layers.kan_layer import KANLayer

__all__ = ["BATCH", "KANLayerContract", "LayerContract", "TracedLayerContract"]

DOMAINS = ((1, 1), (2, -2), (0, math.inf), (math.nan, 1), (1,), (1, 2, 3), "12", (False, True), 5,
           (1e8, 1e8 + 1), (0, 1e-45), (-3e38, 3e38))  # fmt: skip
"""What is no domain of float32."""
BATCH = 6
"""The size of the batches that the tests use."""


class LayerContract(ABC):
    """The promises of a module from ``(..., in_features)`` to ``(..., out_features)``.

    Attributes:
        in_features: The size of the inputs that the tests use.
        out_features: The size of the outputs.
        smooth: Whether the second derivative exists (almost) everywhere.
        refuses_nan: Whether NaN is an error; else it stays in its row.
    """

    in_features: int = 3
    out_features: int = 2
    smooth: bool = True
    refuses_nan: bool = False

    @abstractmethod
    def make(self, **options: Any) -> nn.Module:
        """Return a layer with ``in_features`` and ``out_features``, made with ``options``."""

    def inputs(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return inputs that fill most of the domain (-1, 1)."""
        generator = torch.Generator().manual_seed(1)
        x = torch.rand(*shape, self.in_features, generator=generator, dtype=torch.float64)
        return (1.8 * x - 0.9).to(dtype)

    def seeded(self, seed: int = 0, **options: Any) -> nn.Module:
        """Return a layer with the weights of a seed."""
        return self.make(generator=torch.Generator().manual_seed(seed), **options)

    @pytest.mark.parametrize("shape", [(), (0,), (4,), (2, 3)])
    def test_any_leading_shape(self, shape: tuple[int, ...]) -> None:
        layer = self.seeded().eval()
        x = self.inputs(*shape)
        y = layer(x)
        assert y.shape == (*shape, self.out_features)
        flat = layer(x.reshape(-1, self.in_features))
        torch.testing.assert_close(y.reshape(flat.shape), flat, rtol=0, atol=0)
        if y.requires_grad:
            y.sum().backward()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in layer.parameters())

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dtype_of_parameters_and_outputs(self, dtype: torch.dtype) -> None:
        layer = self.seeded(dtype=dtype, device="cpu")
        assert {value.dtype for value in layer.state_dict().values() if value.ndim} == {dtype}
        assert layer(self.inputs(BATCH, dtype=dtype)).dtype == dtype

    def test_changing_the_dtype_agrees(self) -> None:
        single = self.seeded(dtype=torch.float32).eval()
        double = copy.deepcopy(single).double()
        x = self.inputs(BATCH)
        torch.testing.assert_close(single(x).double(), double(x.double()), rtol=1e-5, atol=1e-5)

    def test_copies_are_equal_and_independent(self) -> None:
        layer = self.seeded().eval()
        x = self.inputs(BATCH)
        expected = layer(x).detach()
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.equal(twin(x), expected)
            with torch.no_grad():
                for parameter in twin.parameters():
                    parameter.zero_()
            assert torch.equal(layer(x), expected)

    def test_state_dict_restores_the_function(self) -> None:
        layer, other = self.seeded(0).eval(), self.seeded(1).eval()
        file = io.BytesIO()
        torch.save(layer.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True))
        x = self.inputs(BATCH)
        assert torch.equal(layer(x), other(x))

    def test_a_layer_without_memory_is_whole_once_its_state_is_loaded(self) -> None:
        layer, x = self.seeded(dtype=torch.float64).eval(), self.points()
        other = self.seeded(1, dtype=torch.float64).eval().to("meta").to_empty(device="cpu")
        other.load_state_dict(layer.state_dict())
        assert torch.equal(other(x), layer(x))

    def test_functional_call_uses_the_given_parameters(self) -> None:
        layer, other = self.seeded(0).eval(), self.seeded(1).eval()
        x = self.inputs(BATCH)
        assert torch.equal(functional_call(layer, other.state_dict(), (x,)), other(x))
        assert not torch.equal(layer(x), other(x))

    def test_nothing_stale_after_a_step(self) -> None:
        layer = self.seeded().eval()
        x = self.inputs(BATCH)
        before = layer(x).detach()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(0.5)
        fresh = self.seeded(1).eval()
        fresh.load_state_dict(layer.state_dict())
        assert torch.equal(layer(x), fresh(x))
        assert not torch.allclose(layer(x), before)

    def test_vmap_over_samples_and_over_an_ensemble(self) -> None:
        layers = [self.seeded(seed).eval() for seed in range(3)]
        x = self.inputs(BATCH)
        torch.testing.assert_close(vmap(layers[0])(x), layers[0](x))

        state = stack_module_state(layers)
        together = vmap(lambda p, b: functional_call(layers[0], (p, b), (x,)))(*state)
        torch.testing.assert_close(together, torch.stack([layer(x) for layer in layers]))

    def test_gradients_per_sample(self) -> None:
        layer = self.seeded(dtype=torch.float64).eval()
        parameters: dict[str, Tensor] = dict(layer.named_parameters())

        def loss(p: dict[str, Tensor], sample: Tensor) -> Tensor:
            y: Tensor = functional_call(layer, p, (sample,))
            return y.square().sum()

        x = self.inputs(BATCH, dtype=torch.float64)
        each = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
        whole = grad(loss)(parameters, x)
        for name, value in whole.items():
            torch.testing.assert_close(each[name].sum(0), value)

    def points(self) -> Tensor:
        """Return samples inside the domain (-1, 1), at its ends, on knots, outside and far outside, in float64."""
        places = torch.tensor([-20.0, -1.5, -1.0, -0.6, 0.0, 0.2, 1.0, 2.0, 20.0]).double()
        inside = self.inputs(BATCH, dtype=torch.float64)
        return torch.cat([inside, places.unsqueeze(1).expand(-1, self.in_features)])

    # torch's own forward mode still scripts its decompositions
    @pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
    def test_derivatives_forwards_are_those_backwards(self) -> None:
        layer = self.seeded(dtype=torch.float64).eval()
        x = self.points()
        direction = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
        jacobian = torch.autograd.functional.jvp  # by two passes backwards
        expected = jacobian(layer, x, direction)[1]  # type: ignore[no-untyped-call]
        torch.testing.assert_close(jvp(layer, (x,), (direction,))[1], expected)
        with forward_ad.dual_level():
            ad: Any = forward_ad
            y = layer(ad.make_dual(x, direction))
            torch.testing.assert_close(ad.unpack_dual(y).tangent, expected)

        parameters = dict(layer.named_parameters())
        slopes = {name: torch.sin(10 * p.detach() + 1) for name, p in parameters.items()}
        forwards = jvp(lambda p: functional_call(layer, p, (x,)), (parameters,), (slopes,))[1]
        weights = torch.cos(torch.arange(forwards.numel(), dtype=x.dtype)).view_as(forwards)
        (layer(x) * weights).sum().backward()
        wanted = [(p.grad * slopes[n]).sum() for n, p in parameters.items() if p.grad is not None]
        torch.testing.assert_close((forwards * weights).sum(), torch.stack(wanted).sum())

    def test_gradcheck(self) -> None:
        layer = self.seeded(dtype=torch.float64).eval()
        names = [name for name, parameter in layer.named_parameters()]

        def f(x: Tensor, *parameters: Tensor) -> Tensor:
            y: Tensor = functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
            return y

        x = self.inputs(4, dtype=torch.float64).requires_grad_()
        arguments = (x, *layer.parameters())
        assert torch.autograd.gradcheck(f, arguments)
        if self.smooth:
            assert torch.autograd.gradgradcheck(f, arguments)

    # torch's own forward mode still scripts its decompositions
    @pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
    def test_hessian_forwards_over_backwards(self) -> None:
        layer = self.seeded(dtype=torch.float64).eval()
        function: Any = lambda x: layer(x).square().sum()  # noqa: E731
        for x in self.points():
            second = hessian(function)(x)
            torch.testing.assert_close(second, jacrev(jacrev(function))(x))
            torch.testing.assert_close(second, second.T)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("size", [20.0, -1e4, 1e30, -1e30, 1e-30, 5e-324])
    def test_finite_far_outside_and_for_the_smallest_numbers(
        self, dtype: torch.dtype, size: float
    ) -> None:
        layer = self.seeded(dtype=dtype).eval()
        x = torch.full((2, self.in_features), size, dtype=dtype, requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert bool(y.isfinite().all())
        for value in (x, *layer.parameters()):
            assert value.grad is None or bool(value.grad.isfinite().all())

    @pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
    def test_nan_and_infinity_are_refused_or_stay_in_their_row(self, value: float) -> None:
        layer = self.seeded().eval()
        x = self.inputs(2)
        expected = layer(x)[1]
        x[0] = value
        if self.refuses_nan:
            count = f"{self.in_features} of {x.numel()} inputs are NaN"
            with pytest.raises(UsageError, match=count):
                layer(x)
            return
        y = layer(x)
        assert bool(y[0].isnan().all()) or value == value  # noqa: PLR0124
        torch.testing.assert_close(y[1], expected)

    def test_wrong_shapes_and_dtypes_are_named(self) -> None:
        layer = self.make()
        with pytest.raises(UsageError, match=rf"\(\.\.\., {self.in_features}\), got \(4, 7\)"):
            layer(torch.zeros(4, 7))
        with pytest.raises(UsageError, match="must be in_features"):
            layer(torch.tensor(1.0))
        with pytest.raises(UsageError, match=r"expected torch.float32.*got torch.float64"):
            layer(self.inputs(2, dtype=torch.float64))
        with pytest.raises(UsageError, match=r"got torch.int64"):
            layer(torch.zeros(2, self.in_features, dtype=torch.int64))

    @pytest.mark.parametrize("name", ["in_features", "out_features"])
    @pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None, math.nan])
    def test_wrong_sizes_are_named(self, name: str, value: Any) -> None:
        arguments = {"in_features": 3, "out_features": 2, name: value}
        with pytest.raises(UsageError, match=f"{name} must be an integer of at least 1"):
            type(self.make())(**arguments)

    def test_integers_of_other_libraries_are_taken(self) -> None:
        for number in (np.int64(2), np.array(2), torch.tensor(2)):
            assert type(self.make())(in_features=3, out_features=number).out_features == 2

    def test_seeds_and_wrong_types_are_named(self) -> None:
        with pytest.raises(UsageError, match=r"generator must be a torch\.Generator, got 0"):
            self.make(generator=0)
        for dtype in (torch.int64, torch.float16, torch.complex64, "float32"):
            with pytest.raises(UsageError, match=r"float32 or .*float64"):
                self.make(dtype=dtype)

    def test_unknown_keywords_are_errors(self) -> None:
        with pytest.raises((TypeError, UsageError), match="gird"):
            self.make(gird=5)

    def test_weights_come_from_the_generator_alone(self) -> None:
        before = torch.get_rng_state()
        first, again = self.seeded(3).state_dict(), self.seeded(3).state_dict()
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(first[name], again[name]) for name in first)

        generator = torch.Generator().manual_seed(3)
        one, two = (self.make(generator=generator).eval() for _ in range(2))
        x = self.inputs(BATCH)
        assert not torch.allclose(one(x), two(x))
        assert not torch.allclose(self.make().eval()(x), self.make().eval()(x))

    def test_the_printed_layer_names_its_sizes(self) -> None:
        layer = self.make()
        assert f"{type(layer).__name__}({self.in_features}, {self.out_features}" in repr(
            layer
        ).replace("\n  ", "")


class TracedLayerContract(LayerContract):
    """The promises of a :class:`LayerContract`, and that a layer can be traced; slow: once for each kind of layer."""

    @pytest.mark.slow
    def test_compile_without_graph_breaks(self) -> None:
        layer = self.seeded().eval()
        x = self.inputs(BATCH).requires_grad_()
        torch.compiler.reset()
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        expected, actual = layer(x), compiled(x)
        torch.testing.assert_close(actual, expected)
        (wanted,) = torch.autograd.grad(expected.sum(), x)
        (found,) = torch.autograd.grad(actual.sum(), x)
        torch.testing.assert_close(found, wanted)

    @pytest.mark.slow
    def test_export_with_any_batch_size(self) -> None:
        layer = self.seeded().eval()
        batch = torch.export.Dim("batch", min=2)
        program = torch.export.export(layer, (self.inputs(4),), dynamic_shapes=({0: batch},))
        x = self.inputs(7)
        torch.testing.assert_close(program.module()(x), layer(x))


class KANLayerContract(LayerContract):
    """What a :class:`KANLayer`, classical or quantum, promises beyond that.

    Attributes:
        idle: Parameters of which some numbers may have no effect.
    """

    idle: ClassVar[tuple[str, ...]] = ()

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
            moved = parameter.grad != 0
            assert bool(moved.any() if name in self.idle else moved.all()), name

    def test_edges_are_coefficients_times_basis(self) -> None:
        layer = self.kan(dtype=torch.float64, base=None)
        x = self.inputs(BATCH, dtype=torch.float64)
        basis, coefficients = layer.basis(x), layer.coefficients()
        assert coefficients.shape == (self.in_features, layer.num_basis, self.out_features)
        assert basis.shape[:3] == (BATCH, self.in_features, layer.num_basis)
        basis = basis if basis.ndim == 4 else basis.unsqueeze(-1)
        torch.testing.assert_close((basis * coefficients).sum(2), layer.edge_functions(x))

    def test_options_make_a_layer_for_the_state(self) -> None:
        layer = self.kan(dtype=torch.float64, input_map="batch").eval()
        x = self.inputs(BATCH, dtype=torch.float64)
        keep = torch.ones(self.in_features, self.out_features, dtype=torch.bool)
        keep[0, 0] = False
        layer.prune_edges(keep, torch.ones(self.out_features))
        layer.select_features(torch.arange(1, self.in_features), torch.arange(self.out_features))
        options = json.loads(json.dumps(layer.options()))
        twin = type(layer)(**options, dtype=torch.float64).eval()
        twin.load_state_dict(layer.state_dict())
        torch.testing.assert_close(twin(x[:, 1:]), layer(x[:, 1:]), rtol=0, atol=1e-13)
        assert twin.options() == layer.options()

    @pytest.mark.parametrize("input_map", ["layer", "batch", "standardise", "tanh", "arccos"])
    def test_the_input_map_is_a_choice(self, input_map: str) -> None:
        layer = self.kan(input_map=input_map)
        x = self.inputs(2, BATCH) * (1 if input_map == "arccos" else 100)
        plain = self.kan()
        plain.load_state_dict(layer.state_dict(), strict=False)
        flat = x.reshape(-1, self.in_features)
        if input_map == "tanh":
            expected = layer.reach * torch.tanh(flat)
        elif input_map == "arccos":
            expected = torch.arccos(flat)
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

    @pytest.mark.parametrize("domain", DOMAINS)
    def test_a_domain_is_two_increasing_numbers(self, domain: Any) -> None:
        with pytest.raises(UsageError, match="domain"):
            self.make(domain=domain)
        if "domain" not in inspect.signature(type(self.kan())).parameters:
            return  # it is a fact of the layer's edges, and refused as a keyword
        ends = np.array([-2.0, 2.0])
        for good in (ends, torch.from_numpy(ends), [np.float32(-2), np.array(2)]):
            assert self.make(domain=good).domain == (-2, 2)

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
        assert "base" in names
        for name in ("bias", "input_map", "generator", "device", "dtype"):
            assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
