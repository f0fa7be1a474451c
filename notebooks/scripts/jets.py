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
# # Quark or gluon? KANs and QKANs on jets of the LHC
#
# A quark or gluon of high energy becomes a *jet*, a spray of particles. Gluons carry more colour charge
# ($C_A / C_F = 9/4$), so they radiate more: their jets have more particles and are wider. *Signal* here are quarks.
#
# We look at the jets, train taggers with about as many parameters, read off what their edges have learned, write the
# edges as integer tables, and ask what the quantum part brings. `qkan reproduce jets` does all of it over five seeds.

# %%
import os

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from qkan.analysis import LookUpTables
from qkan.data.jets import OBSERVABLES, quark_gluon
from qkan.experiments.jets import Config, arms
from qkan.experiments.jets.interpretation import edges_against_ratios, on_backend, twin_difference
from qkan.experiments.jets.metrics import bootstrap, roc
from qkan.experiments.jets.models import split, train_on_jets
from qkan.plotting import plot_against_ratio, plot_rocs
from qkan.studies.study import trained

# %matplotlib inline
# Continuous integration runs this notebook with few epochs.
QUICK = bool(os.environ.get("QKAN_QUICK"))
EPOCHS = 3 if QUICK else 40

# %% [markdown]
# ## The jets
#
# Ten thousand jets ship inside the package: Pythia 8.3, 14 TeV, anti-kt R = 0.4, 500 to 550 GeV, *particle-level
# simulation: no detector, no pile-up, one generator*. `qkan jets generate --process qg --events 10000 --seed 2026` makes
# the same file again.

# %%
jets = quark_gluon()
quark = jets.labels == 1
for name in OBSERVABLES:
    column = jets.inputs(name)[:, 0]
    auc = roc(column, jets.labels).auc
    print(
        f"{name:21} quark {column[quark].mean():7.3f}  gluon {column[~quark].mean():7.3f}  AUC alone {max(auc, 1 - auc):.3f}"
    )

# %%
figure = Figure(figsize=(9.6, 3.2), layout="constrained", dpi=120)
panels = figure.subplots(1, 4)
for panel, name in zip(panels[:2], ("multiplicity", "width"), strict=True):
    column = jets.inputs(name)[:, 0]
    bins = np.arange(0, 110, 4) if name == "multiplicity" else np.linspace(0, 0.5, 40)
    for which, label, color in ((quark, "quark", "#882255"), (~quark, "gluon", "#4477AA")):
        panel.hist(column[which], bins, density=True, histtype="step", label=label, color=color)
    panel.set_xlabel(name)
    panel.set_yticks([])
panels[0].legend(frameon=False)
for panel, which, label in zip(panels[2:], (quark, ~quark), ("quark", "gluon"), strict=True):
    panel.imshow(jets.images[which].mean(axis=0)[0], cmap="magma", vmin=0, vmax=90)
    panel.set_title(f"mean image, {label}")
    panel.set_axis_off()
display(figure)

# %% [markdown]
# ## Taggers
#
# All see the twelve observables in units of their standard deviation. KAN and QKAN have four hidden units, the MLP as
# many parameters as the KAN; the *small* QKAN has one layer, so twelve circuits of one qubit and 60 parameters.

# %%
config = Config()
names = ("logistic", "mlp", "kan", "qkan", "small qkan", "fourier twin")
chosen = {name: arms(config)[f"{name}, 12 inputs"] | {"epochs": EPOCHS} for name in names}
runs = {name: train_on_jets(seed=0, **arm) for name, arm in chosen.items()}
labels = split(12, config.train).test[1].numpy()
for name, run in runs.items():
    error = bootstrap(run["scores.test"], labels, resamples=100).std()
    print(
        f"{name:13} {int(run['parameters']):4} parameters  AUC {run['auc']:.4f} ± {error:.4f} (test jets)  "
        f"1/ε_b at 50 %: {run['rejection_50']:5.1f}  calibration error {run['calibration_error']:.3f}"
    )

# %% [markdown]
# The error of one AUC is that of 3,000 test jets, and the same jets are hard for all taggers. So models are compared on
# the *same* resampled jets:

# %%
for first, second in (
    ("mlp", "logistic"),
    ("kan", "mlp"),
    ("qkan", "kan"),
    ("qkan", "fourier twin"),
):
    difference = bootstrap(runs[first]["scores.test"], labels, resamples=100) - bootstrap(
        runs[second]["scores.test"], labels, resamples=100
    )
    print(f"{first} - {second}: {difference.mean():+.4f} ± {difference.std():.4f}")

# %%
curves = {name: roc(run["scores.test"], labels) for name, run in runs.items()}
display(plot_rocs({name: (curve.signal, curve.background) for name, curve in curves.items()}))

# %% [markdown]
# ## What the edges have learned
#
# With one observable the best tagger is its likelihood ratio (Neyman and Pearson), so the one edge of a one-layer QKAN
# must become $\log p_s(x)/p_b(x)$. It is a circuit of one qubit, and it does:

# %%
arm = arms(config)["one-layer qkan, 1 inputs"] | {"epochs": EPOCHS}
single = trained(arm["model"], train_on_jets(seed=0, **arm))
edges = edges_against_ratios(single, 1, split(1, config.train))
display(plot_against_ratio(edges))

# %% [markdown]
# With twelve correlated observables an edge tells what its observable adds *to the others*: strongest first, and not all
# of them follow their own ratio.

# %%
small = trained(chosen["small qkan"]["model"], runs["small qkan"])
data = split(12, config.train)
display(plot_against_ratio(edges_against_ratios(small, 12, data)[:8]))

# %% [markdown]
# ## As look-up tables
#
# A trigger has microseconds and integers. An edge is a function of one number, so it is a table; a node is a sum.

# %%
scores = runs["small qkan"]["scores.test"]
for bits in (4, 6, 8, 10):
    tables = LookUpTables.of(small, data.train[0], address_bits=bits, fraction_bits=bits)
    integer = tables(data.test[0].numpy())[:, 0]
    print(
        f"{bits:2} bits: largest error of the log-odds {abs(integer - scores).max():.4f}, AUC {roc(integer, labels).auc:.4f}"
    )

# %% [markdown]
# ## What the quantum part brings
#
# The circuits can be run anywhere: five values of each edge fix its curve for all jets. With shots the AUC hardly
# moves. And they can be left out: written as Fourier series the same tagger is classical, to rounding.

# %%
qkan = chosen["qkan"]
sampled = on_backend(qkan, runs["qkan"], "default.qubit", shots=4096, seed=0)
print(f"AUC exact {runs['qkan']['auc']:.4f}, with 4096 shots {sampled['auc']:.4f}")
print(f"largest difference to the classical form: {twin_difference(qkan, runs['qkan']):.1e}")

# %% [markdown]
# So what a QKAN brings here is a *parametrisation*: circuits of one qubit tie the Fourier coefficients of an edge
# together. The fair control is the `fourier twin`, which begins as the same function with free coefficients; the
# comparison above says whether the tie helps or hurts. Nothing here is out of reach for a classical computer, and no
# advantage is claimed.
