# ruff: noqa: D102 -- the names of the tests say what they test
"""What a layer promises to torch's compiler and exporter."""

from __future__ import annotations

import torch

from qkan.layers.testing.layer import BATCH, LayerContract

__all__ = ["TracedLayerContract"]


class TracedLayerContract(LayerContract):
    """The promises of a :class:`LayerContract`, and that a layer can be traced; slow: once for each kind of layer."""

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

    def test_export_with_any_batch_size(self) -> None:
        layer = self.seeded().eval()
        batch = torch.export.Dim("batch", min=2)
        program = torch.export.export(layer, (self.inputs(4),), dynamic_shapes=({0: batch},))
        x = self.inputs(7)
        torch.testing.assert_close(program.module()(x), layer(x))
