r"""Edges as look-up tables in fixed point, the form in which a KAN runs on an FPGA.

A node adds the entries of its edges' tables: additions of integers are all the arithmetic that is left. An input x in
[l, h] addresses entry :math:`\lfloor 2^k (x - l) / (h - l) \rfloor`, clamped at both ends; the entry is the edge
function at the middle of its cell, rounded to a multiple of :math:`2^{-f}`.

Source: D. Hoang, A. Gupta, P. Harris, KANELÉ, arXiv:2512.12850, for KANs as look-up tables on FPGAs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits.errors import UsageError, check_integer
from qkan.analysis.edges import as_batch, edge_values, kan_layers, layer_inputs
from qkan.layers.checks import evaluating
from qkan.layers.kan_layer import KANLayer

__all__ = ["LookUpTables", "Table"]

Array = NDArray[np.float64]

_MOST_BITS = 16
_PROBES = 256
"""Random inputs on which a model must be its layers, besides the batch."""


@dataclass(frozen=True, eq=False)
class Table:
    """The tables of one layer.

    Attributes:
        low: Lower ends of the inputs' ranges, (in_features,).
        high: Upper ends.
        entries: The edges' values as integers, in units of ``2**-fraction_bits``, (2**address_bits, in, out).
        offset: What a node adds to the sum of its edges, in the same units, (out,).
        fraction_bits: f.
    """

    low: Array
    high: Array
    entries: NDArray[np.int64]
    offset: NDArray[np.int64]
    fraction_bits: int

    def __post_init__(self) -> None:
        shapes = self.low.shape, self.high.shape, self.entries.shape[1:], self.offset.shape
        wanted = (
            self.low.shape,
            self.low.shape,
            self.low.shape + self.offset.shape,
            self.offset.shape,
        )
        ends = np.concatenate([self.low.ravel(), self.high.ravel()])
        if self.low.ndim != 1 or self.offset.ndim != 1 or shapes != wanted or not len(self.entries):
            raise UsageError(f"these arrays are no look-up tables of one layer: shapes {shapes}")
        if not np.isfinite(ends).all() or not (self.low < self.high).all():
            raise UsageError("the range of each input must be finite and increasing")

    def __call__(self, x: Array) -> Array:
        """Return the sums of the entries that inputs ``(N, in)`` address, ``(N, out)``."""
        if np.isnan(x).any():
            raise UsageError("NaN has no address in a table; clean the inputs")
        cells = len(self.entries)
        place = np.floor(cells * (x - self.low) / (self.high - self.low))
        address = np.clip(place, 0, cells - 1).astype(np.int64)
        inputs = np.arange(self.entries.shape[1])
        total = self.entries[address, inputs].sum(axis=1) + self.offset
        values: Array = np.ldexp(total.astype(np.float64), -self.fraction_bits)
        return values


@dataclass(frozen=True, eq=False)
class LookUpTables:
    """A chain of KAN layers as tables, one a layer.

    Example:
        >>> import torch, qkan
        >>> model = qkan.QKAN([2, 3, 1], generator=torch.Generator().manual_seed(0))
        >>> x = torch.rand(200, 2)
        >>> tables = LookUpTables.of(model, x, address_bits=10, fraction_bits=12)
        >>> bool(abs(tables(x) - model(x).detach().numpy()).max() < 0.02)
        True
    """

    layers: tuple[Table, ...]

    @classmethod
    def of(
        cls, model: nn.Module, inputs: Any, *, address_bits: int = 8, fraction_bits: int = 10
    ) -> Self:
        """Return the tables of a model whose layers are KAN layers, one after the other.

        Args:
            model: Classical or quantum KAN layers without an input map, or one such layer.
            inputs: A batch for it; each table covers what its layer sees of it.
            address_bits: k: every edge has ``2**k`` entries.
            fraction_bits: f: entries are multiples of ``2**-f``.

        Raises:
            UsageError: If a number of bits is not from 1 to 16, or the model does more than to add edges.
        """
        for name, bits in (("address_bits", address_bits), ("fraction_bits", fraction_bits)):
            if check_integer(name, bits) > _MOST_BITS:
                raise UsageError(f"{name} must be from 1 to {_MOST_BITS}, got {bits}")
        batch = as_batch(model, inputs)
        layers = kan_layers(model)
        with evaluating(model):
            _require_chain(model, layers, batch)
            seen = layer_inputs(model, batch)
            tables = [_table(layers[n], x, 2**address_bits, fraction_bits) for n, x in seen.items()]
        return cls(tuple(tables))

    def __call__(self, inputs: Any) -> Array:
        """Return the outputs ``(N, out_features)`` for inputs ``(N, in_features)``."""
        x = np.asarray(inputs, dtype=np.float64)
        wanted = len(self.layers[0].low)
        if x.ndim != 2 or x.shape[1] != wanted:
            raise UsageError(f"expected inputs of shape (N, {wanted}), got {x.shape}")
        for table in self.layers:
            x = table(x)
        return x

    def to_json(self) -> str:
        """Return the tables as text, for tools that write firmware."""
        tables = [
            {name: np.asarray(value).tolist() for name, value in vars(table).items()}
            for table in self.layers
        ]
        return json.dumps(tables)

    @classmethod
    def from_json(cls, text: str | Path) -> Self:
        """Return the tables that :meth:`to_json` wrote; from a path, those in the file.

        Raises:
            UsageError: If the text holds no such tables.
        """
        content = text.read_text(encoding="ascii") if isinstance(text, Path) else text
        try:
            layers = [
                Table(
                    low=np.array(layer["low"], dtype=float),
                    high=np.array(layer["high"], dtype=float),
                    entries=np.array(layer["entries"], dtype=np.int64),
                    offset=np.array(layer["offset"], dtype=np.int64),
                    fraction_bits=int(layer["fraction_bits"]),
                )
                for layer in json.loads(content)
            ]
            sizes = [layer.entries.shape[1:] for layer in layers]
            if not layers or any(a[1] != b[0] for a, b in pairwise(sizes)):
                raise UsageError(f"they are no chain, with (in, out) of {sizes}")
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"the text holds no look-up tables: {error}") from error
        return cls(tuple(layers))


def _table(layer: KANLayer, seen: Tensor, cells: int, fraction_bits: int) -> Table:
    low, high = seen.min(0).values, seen.max(0).values
    high = torch.where(high > low, high, low + 1)  # an input that never moves
    middle = (torch.arange(cells, dtype=seen.dtype).unsqueeze(1) + 0.5) / cells
    values = torch.cat(list(edge_values(layer, low + middle * (high - low))))
    point = seen[:1]
    offset = layer(point)[0] - layer.edge_functions(point)[0].sum(0)
    scaled = [np.round(np.ldexp(n.double().cpu().numpy(), fraction_bits)) for n in (values, offset)]
    if not all((np.abs(numbers) < 2**53).all() for numbers in scaled):
        raise UsageError(f"values of edges are NaN, or too large for {fraction_bits} fraction bits")
    entries, fixed = (numbers.astype(np.int64) for numbers in scaled)
    return Table(low.double().numpy(), high.double().numpy(), entries, fixed, fraction_bits)


def _require_chain(model: nn.Module, layers: Mapping[str, KANLayer], batch: Tensor) -> None:
    """Refuse a model that is anything but its layers one after the other: on the batch, and far around it."""
    for name, layer in layers.items():
        if layer.input_map is not None:
            raise UsageError(f"layer {name!r} maps its inputs, which tables cannot do")
    if batch.ndim != 2:
        raise UsageError(f"expected inputs of shape (N, in), got {tuple(batch.shape)}")
    exact, batch = copy.deepcopy(model).double(), batch.double()  # rounding is no excuse
    low, high = batch.amin(0), batch.amax(0)
    width = (high - low).clamp_min(1)
    generator = torch.Generator().manual_seed(0)
    part = torch.rand(_PROBES, batch.shape[1], generator=generator).to(batch)
    for x in (batch, torch.lerp(low - width, high + width, part)):
        expected = y = x
        try:
            expected = exact(x)
            for layer in kan_layers(exact).values():
                y = layer(y)
        except UsageError:  # a layer of another size
            y = y.new_empty(0)
        scale = float(expected.abs().max())
        if y.shape != expected.shape or not torch.allclose(y, expected, 1e-9, 1e-9 * scale):
            raise UsageError(
                f"{type(model).__name__} is not its KAN layers {list(layers)} one after the other: something else "
                "lies between them, before, behind or around; tables can stand for chains of KAN layers alone"
            )
