import numpy as np
import pytest
import torch

import qkan
from circuits.errors import UsageError
from qkan.analysis import edge_spectrum
from qkan.layers.checks import evaluating
from qkan.layers.regularization import parseval_norms


def layer(frequencies="per-input", edge="pz(depth=3)", **options):
    generator = torch.Generator().manual_seed(3)
    made = qkan.QuantumKANLayer(
        3,
        2,
        edge,
        frequencies=frequencies,
        base=None,
        generator=generator,
        dtype=torch.float64,
        **options,
    )
    with torch.no_grad():
        for values in (made.frequency, made.phase, made.factor, made.constant):
            if values is not None:
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
    return made


def pruned(made):
    made.prune_edges(torch.tensor([[True, False], [True, True], [False, True]]))
    return made


LAYERS = {
    "per-input": layer,
    "per-edge": lambda: layer("per-edge"),
    "fixed": lambda: layer("fixed"),
    "plain": lambda: layer(weight=False, bias=False),
    "other unit": lambda: layer(edge="exponential(depth=2)"),
    "pruned": lambda: pruned(layer()),
    "pruned twin": lambda: pruned(layer().to_classical()),
    "twin of per-edge scales": lambda: layer("per-edge").to_classical(),
    "classical": lambda: qkan.FourierKANLayer(
        3, 2, 4, scale=1.7, bias=False, dtype=torch.float64, generator=torch.Generator()
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_harmonics_add_up_to_the_edge(kind):
    made = LAYERS[kind]()
    spectrum = edge_spectrum(made)
    x = np.linspace(-2, 3, 17)
    with evaluating(made):
        values = made.edge_functions(torch.from_numpy(np.stack([x] * 3, axis=1))).numpy()
    for i in range(3):
        for o in range(2):
            waves = spectrum.harmonics((i, o), x)
            assert waves.shape == (spectrum.degree + 1, len(x))
            np.testing.assert_allclose(waves.sum(0), values[:, i, o], atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_parseval(kind):
    made = LAYERS[kind]()
    spectrum = edge_spectrum(made)
    norms = parseval_norms(made).detach().numpy()
    points = 64  # more than twice any degree here, so that the mean over them is the integral
    for i in range(3):
        for o in range(2):
            period = 2 * np.pi / spectrum.frequency[i, o]
            curve = spectrum.harmonics((i, o), np.arange(points) * period / points).sum(0)
            assert curve.var() == pytest.approx(norms[i, o] ** 2, abs=1e-13)
            assert abs(curve.mean()) == pytest.approx(spectrum.amplitudes[0, i, o], abs=1e-13)


def test_no_series_no_spectrum():
    with pytest.raises(UsageError, match="BSplineKANLayer are no Fourier series"):
        edge_spectrum(qkan.BSplineKANLayer(2, 2))
