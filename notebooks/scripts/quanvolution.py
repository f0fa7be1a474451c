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
# # What a quanvolution is, and what it brings
#
# A *quanvolution* slides a quantum circuit over an image the way a convolution slides a kernel (Henderson et al.,
# [arXiv:1904.04767](https://arxiv.org/abs/1904.04767)). Each patch of 2 x 2 pixels is encoded in the angles of four
# qubits, a few gates mix them, and the four expectation values become four channels.
#
# Three questions, in this order: *What function of the pixels is it? What does it cost? What does it bring?*

# %%
import os

import numpy as np
import torch
from IPython.display import display

import circuits
import qkan
from qkan.plotting import Response, plot_channels, plot_curves, plot_response

# Continuous integration runs this notebook with few seeds and epochs.
QUICK = bool(os.environ.get("QKAN_QUICK"))
SEEDS, EPOCHS = (2, 3) if QUICK else (10, 60)

# %% [markdown]
# ## The circuit
#
# `demo` is the circuit of PennyLane's quanvolution demonstration, frozen gate by gate: the template that drew it has
# changed, and the same call gives another circuit in older versions (`demo-legacy`).

# %%
demo = circuits.quanvolutional_filter("demo")
print(demo)
display(circuits.draw(demo))

# %% [markdown]
# ## What function of the pixels is it?
#
# Pixel $x_k$ enters once, as the angle $\pi x_k$ of a rotation. So every expectation value is a Fourier series with
# harmonics $0, \pm 1$ in each pixel (Schuld, Sweke, Meyer, [arXiv:2008.08605](https://arxiv.org/abs/2008.08605)): at most
# $3^4 = 81$ terms an output. Light cones tell more: output 0 never meets pixel 1. Three values per pixel in view fix all
# of it, and outputs that see different pixels share a run, so that nine circuits are enough.

# %%
weights = demo.check_weights()
nodes = demo.plan.inputs
values = circuits.backend("default.qubit").run(demo, nodes, weights)
series = circuits.series_from_values(demo, values)
print(len(nodes), "circuits")
for output in range(demo.num_observables):
    terms = []
    for term in series.terms(output):
        waves = [f"{wave}({multiple}π x{pixel})" for pixel, wave, multiple in term.harmonics]
        terms.append(" ".join([f"{term.coefficient:+.4f}", *waves]))
    print(f"<Z{output}> =", "  ".join(terms))

# %% [markdown]
# Three sinusoids of one pixel each, and one product of two: seven coefficients of 324 are not zero. The only gate that
# joins two wires shows in the last output alone.

# %%
x = np.linspace(0, 1, 101)
plane = np.zeros((101, 101, 4))
plane[..., 1], plane[..., 3] = np.meshgrid(x, x, indexing="ij")
line = np.zeros((101, 4))
panels = []
for output in range(3):
    along = line.copy()
    along[:, output] = x
    panels.append(Response(f"Z{output}", (output,), series(along)[None, :, output]))
panels.append(Response("Z3", (1, 3), series(plane)[..., 3]))
display(plot_response(x, panels))

# %% [markdown]
# ## What does it cost?
#
# As a layer it looks like `nn.Conv2d`. Directly, every patch is a circuit; by the series, nine circuits serve every patch
# of every image, and the two agree to rounding.

# %%
mnist = qkan.mnist(train=50, test=30)
images = mnist.train_images.double() / 255
direct = qkan.Quanvolution2d(demo, kernel_size=2, stride=2, evaluate="direct")
fourier = qkan.Quanvolution2d(demo, kernel_size=2, stride=2, evaluate="fourier")
difference = (direct(images[:4]) - fourier(images[:4])).abs().max().item()
print(
    f"{images[:, :, ::2, ::2].numel():,} patches; largest difference of the two: {difference:.1e}"
)

# %%
maps = fourier(images[:4])
display(plot_channels(images[:4, 0].numpy(), maps.detach().numpy(), [f"Z{k}" for k in range(4)]))

# %% [markdown]
# ## What does it bring?
#
# The published comparison: 50 training and 30 validation images, one dense layer on top, 60 epochs, one run. One run
# shows nothing, so here are several seeds, and two controls: the same circuit without its entangling gate, and the raw
# pixels.

# %%
from qkan.experiments.quanvolution import train_softmax_heads
from qkan.studies.statistics import paired_difference

control = qkan.Quanvolution2d(circuits.without_entanglement(demo), kernel_size=2, stride=2)
validation = mnist.test_images.double() / 255
layers = {"quantum": fourier, "no_entanglement": control, "classical": torch.nn.Identity()}
results = {}
for arm, layer in layers.items():
    train, test = (layer(part).detach().flatten(1).float() for part in (images, validation))
    results[arm] = train_softmax_heads(
        (train, mnist.train_labels), (test, mnist.test_labels), seeds=range(SEEDS), epochs=EPOCHS
    )
    accuracy = results[arm]["val_accuracy"][:, -1]
    print(f"{arm:16s} validation accuracy {accuracy.mean():.3f} ± {accuracy.std(ddof=1):.3f}")
display(plot_curves(results))

# %%
gain = paired_difference(
    results["quantum"]["val_accuracy"][:, -1], results["classical"]["val_accuracy"][:, -1]
)
print(
    f"quantum - classical: {gain.estimate:+.3f}, 95 % interval [{gain.low:+.3f}, {gain.high:+.3f}]"
)

# %% [markdown]
# The training loss falls faster with the quantum features, and with the *unentangled* ones as well: a fixed nonlinear
# encoding helps a linear head to fit 50 images. The accuracy on 30 others does not tell the arms apart.
#
# ## Your own circuit
#
# Ten lines of PennyLane. Its spectrum is computed from its gates, or refused with the reason.

# %%
import pennylane as qml


@circuits.circuit(wires=4, inputs=4, weights={"theta": (2, 4)})
def my_filter(inputs, theta):
    qml.AngleEmbedding(np.pi * inputs, wires=range(4), rotation="Y")
    for layer in range(2):
        for wire in range(4):
            qml.RX(theta[layer, wire], wires=wire)
        qml.CNOT(wires=[layer, layer + 2])


mine = qkan.Quanvolution2d(
    my_filter, kernel_size=2, stride=2, trainable=True, generator=torch.Generator().manual_seed(1)
)
print(my_filter, "nodes:", my_filter.num_nodes)
loss = mine(images[:8]).square().mean()
loss.backward()
print("gradient of the weights:", mine.quantum_layers[0].torch_layer.theta.grad.norm().item())

# %% [markdown]
# `qkan reproduce quanvolution` runs the whole experiment with 30 seeds and all controls; `--full` takes all of MNIST.
