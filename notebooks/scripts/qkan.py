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
# # A quantum KAN of your own circuit
#
# A Kolmogorov-Arnold network has a function on every edge and sums in its nodes. In a *quantum* KAN each edge function is
# the expectation value of a small circuit that takes one number in and has weights of its own (Jiang et al.,
# [arXiv:2509.14026](https://arxiv.org/abs/2509.14026)). This notebook goes all the way: a circuit of our own, a trained
# network, a look inside, a fair comparison, and the question that is left at the end: *what is quantum about it?*

# %%
import os

import numpy as np
import pennylane as qml
import torch
from IPython.display import display

import circuits
import qkan
from qkan.analysis import (
    coefficient_cloud,
    edge_spectrum,
    fit_formula,
    gradient_variance,
    random_cloud,
    reachable_dimension,
)
from qkan.data.functions import function
from qkan.plotting import Harmonics, plot_clouds, plot_harmonics
from qkan.training import TrainingConfig, fit, predict

# Continuous integration runs this notebook with few seeds and steps.
QUICK = bool(os.environ.get("QKAN_QUICK"))
SEEDS, ITERATIONS, POINTS = (2, 20, 100) if QUICK else (5, 300, 1000)

# %% [markdown]
# ## A circuit in ten lines
#
# Two entangled wires; each of them takes the input twice. `circuits.circuit` computes the spectrum from the gates: four
# rotations by $x$ make a Fourier series of degree 4.


# %%
@circuits.circuit(wires=2, weights={"theta": (3, 2, 2)}, observables=qml.Z(0))
def my_edge(inputs, theta):
    for layer in range(3):
        for wire in range(2):
            qml.RZ(theta[layer, wire, 0], wires=wire)
            qml.RY(theta[layer, wire, 1], wires=wire)
        qml.CNOT(wires=[0, 1])
        if layer < 2:
            for wire in range(2):
                qml.RX(inputs[..., 0], wires=wire)


print(my_edge)
display(circuits.draw(my_edge, decimals=None))

# %% [markdown]
# ## What can it reach?
#
# Nine Fourier coefficients belong to degree 4. How freely do the weights move them, and where do random weights put them?
# The last row is what free coefficients could be, within the range of an expectation value.

# %%
rng = np.random.default_rng(0)
print("independent directions:", reachable_dimension(my_edge), "of", 2 * my_edge.degrees[0] + 1)
print(f"mean variance of a weight's gradient: {gradient_variance(my_edge, rng=rng).mean:.3f}")
clouds = {
    "my_edge": coefficient_cloud(my_edge, rng=rng),
    "pz(depth=4)": coefficient_cloud(circuits.edge("pz", depth=4), rng=rng),
    "free, at random": random_cloud(4, rng=rng),
}
display(plot_clouds(clouds))

# %% [markdown]
# ## Training
#
# The target is $e^{\sin \pi x + y^2}$. The network is [2, 5, 1]: fifteen edges, each with my circuit and its own weights.
# A layer asks its circuits for nine numbers an edge, whatever the number of samples; the rest is one matrix product.

# %%
target = function("exp-sin")
x, y = target.sample(POINTS, np.random.default_rng(1))
x_test, y_test = target.sample(POINTS, np.random.default_rng(2))
train = torch.from_numpy(x), torch.from_numpy(y).unsqueeze(1)
test = torch.from_numpy(x_test)
config = TrainingConfig(epochs=ITERATIONS // 20, optimizer="lbfgs", batch_size=None, max_iter=20)


def rmse(model):
    return float(np.sqrt(np.mean((predict(model, test)[:, 0].numpy() - y_test) ** 2)))


model = qkan.QKAN(
    [2, 5, 1], edge=my_edge, generator=torch.Generator().manual_seed(0), dtype=torch.float64
)
history = fit(model, train, config=config, loss="mse")
print(f"test RMSE {rmse(model):.4f}; evaluated by {model[0].chosen}")

# %% [markdown]
# ## Looking inside
#
# Every edge with its curve; the darker a line, the more of the output it accounts for.

# %%
display(qkan.plot(model, train[0]))

# %% [markdown]
# An edge is a sum of four harmonics and the base function. Is there a simple formula for it? The library tries a few forms,
# and says how much of the curve each explains.

# %%
grid = np.linspace(-1, 1, 121)
spectrum = edge_spectrum(model[0])
with torch.no_grad():
    curves = model[0].edge_functions(torch.from_numpy(np.stack([grid, grid], axis=1))).numpy()
panels = []
for edge in [(0, 0), (0, 1), (1, 0), (1, 1)]:
    curve = curves[:, edge[0], edge[1]]
    formula = fit_formula(grid, curve)
    print(f"x{edge[0]} to h{edge[1]}: {formula}")
    waves = spectrum.harmonics(edge, grid)
    panels.append(Harmonics(f"x{edge[0]} to h{edge[1]}", grid, curve, waves, formula(grid)))
display(plot_harmonics(panels))

# %% [markdown]
# The first formulas are a sine of frequency $\pi$ in $x$ and a square of $y$: what the target is made of. A *no* is as good
# to know: some edges are no formula of this small library.
#
# ## A fair comparison
#
# Five seeds, the same points, and rivals with about as many parameters: free Fourier coefficients, B-splines, sines, and a
# multilayer perceptron.

# %%
rivals = {
    "QKAN, my edge": {"kind": "qkan", "sizes": [2, 5, 1]},
    "free Fourier": {
        "kind": "kan",
        "sizes": [2, 8, 1],
        "layers": "fourier(degree=4, base='silu', frequencies='per-input')",
    },
    "B-spline KAN": {"kind": "kan", "sizes": [2, 9, 1]},
    "SineKAN": {"kind": "sinekan", "sizes": [2, 9, 1]},
    "MLP": {"kind": "mlp", "sizes": [2, 13, 13, 1], "activation": "tanh"},
}
for name, settings in rivals.items():
    errors = []
    for seed in range(SEEDS):
        own = {"edge": my_edge} if "my edge" in name else {}
        generator = torch.Generator().manual_seed(seed)
        rival = qkan.models.make(settings, generator=generator, dtype=torch.float64, **own)
        fit(rival, train, config=config, loss="mse")
        errors.append(rmse(rival))
    low, middle, high = np.quantile(errors, [0, 0.5, 1])
    print(
        f"{name:14s} {rival.num_parameters:4d} parameters, test RMSE {middle:.4f} [{low:.4f}, {high:.4f}]"
    )

# %% [markdown]
# My circuit loses against every Kolmogorov-Arnold rival. The clouds told why: its $c_4$ is always zero, so that it pays
# 12 weights an edge for seven numbers. Single-wire circuits do better (`qkan reproduce qkan-functions`).
#
# ## What is quantum about it?
#
# A trained edge is a Fourier series with nine fixed numbers. `to_classical()` reads them off and returns an ordinary
# network without a circuit in it: the same function, to rounding.

# %%
twin = model.to_classical()
print(twin)
gap = (predict(twin, test) - predict(model, test)).abs().max()
print(f"largest difference of the outputs: {float(gap):.1e}")

# %% [markdown]
# So nothing of a trained QKAN of this kind needs a quantum computer when it is *used*: 9 numbers an edge are all that its
# circuits ever say. What is left to ask is whether circuits help to *find* the numbers, for they tie the coefficients
# together, as a prior does. `qkan reproduce qkan-functions` and `qkan reproduce qkan-mnist` ask it with controls: the
# classical twin that starts as the very same function is one of them.
