# ---
# jupyter:
#   jupytext:
#     formats: ipynb,scripts//py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One circuit everywhere
#
# A circuit is defined once. Where it runs is one word: a PennyLane simulator, Qiskit's Aer, a snapshot of an IBM device
# with its noise, or a device itself. This notebook swaps that word under the same layer, shows what shots and noise do to
# its output, says what a run costs before it is run, and hands the circuit to other tools.
#
# It needs `pip install "hybrid-qkan[hardware]"`, and no account.

# %%
import os

import numpy as np
import torch
from IPython.display import Image, display

import circuits
import qkan
from qkan.plotting import plot_channels, plot_feature_errors, render

# Continuous integration runs this notebook with fewer draws.
QUICK = bool(os.environ.get("QKAN_QUICK"))
DRAWS = 2 if QUICK else 10

# %% [markdown]
# ## What is here
#
# `qkan backends` prints this table with the reasons why a backend does not work on this machine.

# %%
for row in circuits.backend_table():
    print(f"{row.name:20} usable: {row.usable!s:6} gradient: {row.gradient:16} shots: {row.shots}")

# %% [markdown]
# ## One word swapped, the same figure
#
# The demonstration's quanvolution on one image: a state vector, 1024 shots on an ideal device, 1024 shots on FakeManila,
# a five-qubit device with the errors that were calibrated on the real one. Only the nine nodes of the Fourier series are
# run, on each of them.

# %%
image = qkan.mnist(train=1, test=1).train_images.double() / 255
demo = circuits.quanvolutional_filter("demo")
maps = {}
for name, shots in (("default.qubit", None), ("aer", 1024), ("aer:fake_manila", 1024)):
    backend = circuits.backend(name, shots=shots, seed=None if shots is None else 1)
    layer = qkan.Quanvolution2d(demo, backend=backend, evaluate="fourier")
    maps[name] = layer(image).detach()
    print(f"{name:16} {layer.quantum_layers[0].chosen}")
    display(
        Image(
            render(
                plot_channels(image[:, 0].numpy(), maps[name].numpy(), ["Z0", "Z1", "Z2", "Z3"]),
                "png",
            )
        )
    )

# %%
for name, values in maps.items():
    error = (values - maps["default.qubit"]).square().mean().sqrt().item()
    print(f"{name:16} root mean square error {error:.4f}")

# %% [markdown]
# ## Shots and noise
#
# A value of the series is a weighted sum of node values, with weights whose squares sum to one. Its variance is then a
# weighted mean of theirs, $(1 - z^2)/S$ with $S$ shots, and never above $1/S$: as good as direct shots, for nine circuits
# instead of one a patch. But all patches share the nodes, so that their errors are correlated. Noise is another matter: it
# ends in an error that no number of shots removes (dotted).

# %%
patches = qkan.Quanvolution2d(demo).patches(image).reshape(-1, 4).numpy()
nodes = demo.plan.inputs
exact = circuits.backend("default.qubit").run(demo, nodes)
reference = circuits.series_from_values(demo, exact)(patches)


def error(values):
    """Mean square over patches and outputs."""
    return np.mean((circuits.series_from_values(demo, values)(patches) - reference) ** 2)


SHOTS = np.array([64, 256, 1024, 4096])
errors, limits = {}, {}
for name in ("aer", "aer:fake_manila"):
    limits[name] = np.sqrt(error(circuits.backend(name).run(demo, nodes)))
    errors[name] = []
    for shots in SHOTS:
        backend = circuits.backend(name, shots=int(shots), seed=1)
        draws = backend.run(demo, np.tile(nodes, (DRAWS, 1))).reshape(DRAWS, *exact.shape)
        errors[name].append(np.sqrt(np.mean([error(draw) for draw in draws])))
limits["aer"] = 0.0
predicted = np.sqrt(circuits.sampled_variance(demo, patches, 1 - exact**2).mean() / SHOTS)
display(Image(render(plot_feature_errors(SHOTS, errors, limits, predicted), "png")))

# %% [markdown]
# ## Less noise, by extrapolation
#
# A circuit that is folded, $U (U^\dagger U)^n$, has the same ideal values and $2n + 1$ times the gates. Values at several
# scales are extrapolated to none. It estimates, it does not correct: readout errors do not grow with the gates and stay,
# a gate's inverse need not have the gate's share in an observable's noise, so that a higher order is not better of itself,
# and shot noise is multiplied.

# %%
noisy = circuits.backend("default.mixed", noise="depolarizing:0.02")
rows = patches[patches.any(axis=1)][:8]
ideal = circuits.backend("default.qubit").run(demo, rows)
print(f"as it is:        {abs(noisy.run(demo, rows) - ideal).max():.4f}")
for scales, order in (((1, 3), 1), ((1, 3, 5), 2)):
    values = circuits.zero_noise(noisy, demo, rows, scales=scales, order=order)
    print(f"scales {scales!s:9} {abs(values - ideal).max():.4f}")

# %% [markdown]
# ## What will it cost?
#
# Before anything is run on a device that is paid for: circuits, shots, PUBs (a circuit with an array of parameters), gates
# after compilation, time. `qkan cost quanvolution --backend ...` prints it for a whole experiment, and `qkan reproduce`
# asks before it spends.

# %%
fake = circuits.backend("aer:fake_manila", shots=1024, seed=1)
for what, count in (("by nodes", demo.num_nodes), ("every patch of 80 images", 80 * 196)):
    cost = circuits.cost(demo, fake, count)
    print(
        f"{what:25} {cost.circuits:6,} circuits {cost.total_shots:11,} shots {cost.pubs:3} PUBs, "
        f"depth {cost.depth}, {cost.two_qubit_gates} two-qubit gate"
    )

# %% [markdown]
# ## Training with shots
#
# Gradients of weights come from parameter shift at the nodes, and gradients of inputs from the series. So a quantum KAN
# trains on shots as it does on a state vector.

# %%
x = torch.linspace(-1, 1, 40)[:, None]
y = torch.sin(3 * x)
for name, shots in (("default.qubit", None), ("aer", 500)):
    backend = circuits.backend(name, shots=shots, seed=None if shots is None else 3)
    model = qkan.QKAN(
        [1, 1], edge="pz(depth=3)", backend=backend, generator=torch.Generator().manual_seed(0)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3 if QUICK else 40):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
    print(f"{name:14} mean square error {loss.item():.5f}")

# %% [markdown]
# ## To other tools
#
# One parameterised circuit, with names: Qiskit, OpenQASM 3, QPY. `qkan export NAME|RUN|CHECKPOINT --format ...` writes
# the circuits of trained layers, one an edge or all side by side.

# %%
print(circuits.to_qasm3(circuits.edge("real(depth=1)")))
display(circuits.to_qiskit(demo, {}).draw("mpl"))

# %%
from qkan.layers.export import quantum_circuits

packed = quantum_circuits(
    qkan.QKAN([2, 2], edge="pz(depth=1)", generator=torch.Generator().manual_seed(0)), packed=True
)
display(packed["0"].draw("mpl"))

# %% [markdown]
# For a device of IBM's the word is `ibm:NAME`, with an account that Qiskit has saved. For a GPU it is `lightning.gpu`.
