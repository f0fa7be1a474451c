"""Which circuits the experiment will run, without running them."""

from __future__ import annotations

import torch

from circuits import Circuit, without_entanglement
from circuits.backends import Backend
from qkan.experiments.quanvolution.config import Config
from qkan.experiments.quanvolution.full import circuits_of
from qkan.experiments.quanvolution.setup import Setup, load_images
from qkan.experiments.quanvolution.small import pixels
from qkan.studies.run import Places

__all__ = ["workload"]


def workload(config: Config, places: Places) -> list[tuple[Circuit, Backend, int]]:
    """Return every circuit of a run, where it runs, and on how many inputs; caches are not looked at.

    Args:
        config: The settings.
        places: Where the images are.
    """
    config = config.settled()
    setup = Setup.of(config, places)
    if config.full:
        return [(circuit, setup.backend, circuit.num_nodes) for circuit in circuits_of(setup)]
    data = load_images(config, places.data_dir)
    images = pixels(torch.cat([data.train_images, data.test_images]))
    quantum = (setup.circuit, without_entanglement(setup.circuit))
    return [(circuit, setup.backend, _count(circuit, setup, images)) for circuit in quantum]


def _count(circuit: Circuit, setup: Setup, images: torch.Tensor) -> int:
    """Return the nodes, or the patches: distinct ones where equal patches have equal values."""
    layer = setup.layer(circuit)
    rows = layer.patches(images).flatten(0, -2)
    (quantum,) = layer.quantum_layers
    if quantum.choose(len(rows), lambda: rows) == "fourier":
        return circuit.num_nodes
    return len(torch.unique(rows, dim=0)) if setup.backend.analytic else len(rows)
