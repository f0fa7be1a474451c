"""Quantum Kolmogorov-Arnold networks: chains of QuantumKANLayer, from a configuration, with checkpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from circuits import Circuit, UsageError
from circuits.backends import Backend
from circuits.edges import edge as named_edge
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.evaluation import Evaluation
from qkan.layers.qkan.layer import Scale

__all__ = ["QKAN", "QKANConfig"]

_FORMAT = "hybrid-qkan QKAN 1"


@dataclass(frozen=True)
class QKANConfig:
    """What a :class:`QKAN` is made from, in words and numbers; see :class:`QuantumKANLayer`.

    The backend and the evaluation are not part of it: they change where a network runs, not what it is.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        edge: The name of the circuit on the edges.
        scale: Which edges share a scale and a shift.
        base: The classical function on the edges, or None.
        weight: Whether edges have a factor.
        bias: Whether edges have an offset.
        input_range: What every layer does to its inputs.
    """

    sizes: tuple[int, ...]
    edge: str = "pz(depth=3)"
    scale: Scale = "per-input"
    base: str | None = "silu"
    weight: bool = True
    bias: bool = True
    input_range: str = "none"

    def __post_init__(self) -> None:
        if isinstance(self.sizes, str) or len(self.sizes) < 2:
            raise UsageError(
                f"sizes must be at least two widths, such as [784, 32, 10], got {self.sizes!r}"
            )
        object.__setattr__(self, "sizes", tuple(self.sizes))


class QKAN(nn.Sequential):
    r"""A network of quantum KAN layers, :math:`y = L_n \circ \dots \circ L_1(x)`.

    Args:
        config: The configuration, or just the widths.
        edge: Another edge than the configuration's: a name, or a circuit of your own.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.layers.qkan.QuantumKANLayer`.
        generator: Draws the initial weights, layer by layer.
        device: Where the weights are.
        dtype: Of the weights, and of the inputs.

    Shape:
        - Input: ``(*, sizes[0])``
        - Output: ``(*, sizes[-1])``

    Raises:
        UsageError: If the configuration is wrong.

    Example:
        >>> model = QKAN([784, 32, 10])
        >>> model(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        config: QKANConfig | Sequence[int],
        edge: str | Circuit | None = None,
        *,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        config = config if isinstance(config, QKANConfig) else QKANConfig(tuple(config))
        if isinstance(edge, str):
            config, edge = replace(config, edge=edge), None
        options = {k: v for k, v in asdict(config).items() if k not in {"sizes", "edge"}}
        circuit = named_edge(config.edge) if edge is None else edge
        super().__init__(
            *(
                QuantumKANLayer(
                    before,
                    after,
                    circuit,
                    backend=backend,
                    evaluate=evaluate,
                    generator=generator,
                    stream=index,
                    device=device,
                    dtype=dtype,
                    **options,
                )
                for index, (before, after) in enumerate(pairwise(config.sizes))
            )
        )
        self.config = config
        self.circuit = circuit

    def save(self, path: str | Path) -> None:
        """Write the configuration and the weights to a safetensors file, which holds no code."""
        facts = {
            "format": _FORMAT,
            "config": json.dumps(asdict(self.config)),
            "circuit": self.circuit.fingerprint,
        }
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, path, metadata=facts)

    @classmethod
    def load(cls, path: str | Path, edge: Circuit | None = None, **options: Any) -> QKAN:
        """Read a network that :meth:`save` wrote.

        Args:
            path: The file.
            edge: The circuit, if the network was made with one of your own.
            options: Of the constructor: ``backend``, ``evaluate``, ``device``.

        Raises:
            UsageError: If the file is none of ours, or its circuit is another.
        """
        try:
            with safe_open(path, framework="pt") as file:
                facts = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise UsageError(f"{path} is no safetensors file: {error}") from error
        if facts.get("format") != _FORMAT:
            raise UsageError(f"{path} holds {facts.get('format', 'no QKAN')!r}, not {_FORMAT!r}")
        dtype = next((w.dtype for w in weights.values() if w.is_floating_point()), None)
        model = cls(QKANConfig(**json.loads(facts["config"])), edge, dtype=dtype, **options)
        if model.circuit.fingerprint != facts["circuit"]:
            raise UsageError(
                f"{path} was trained with another circuit than {model.circuit.name!r}; "
                "pass the one it was made with as edge="
            )
        model.load_state_dict(weights)
        return model
