"""Classical and quantum Kolmogorov-Arnold networks, and quanvolution, for PyTorch.

The public names are imported when they are first used: ``import qkan`` loads neither torch nor
PennyLane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan._guard import require_own_circuits

require_own_circuits()

if TYPE_CHECKING:
    from circuits import (
        CircuitError as CircuitError,
        MissingExtraError as MissingExtraError,
        UsageError as UsageError,
    )
    from qkan import (
        analysis as analysis,
        data as data,
        estimators as estimators,
        layers as layers,
        models as models,
        plotting as plotting,
        store as store,
        training as training,
    )
    from qkan._version import __version__ as __version__
    from qkan.analysis import plot as plot
    from qkan.data import mnist as mnist
    from qkan.layers import (
        BSplineKANLayer as BSplineKANLayer,
        ChebyshevKANLayer as ChebyshevKANLayer,
        FourierKANLayer as FourierKANLayer,
        QuantumKANLayer as QuantumKANLayer,
        QuantumLayer as QuantumLayer,
        Quanvolution2d as Quanvolution2d,
        RBFKANLayer as RBFKANLayer,
        SineKANLayer as SineKANLayer,
        SpectralPenalty as SpectralPenalty,
        WaveletKANLayer as WaveletKANLayer,
    )
    from qkan.layers.preprocess import preprocess as preprocess
    from qkan.layers.quantum_kan import use_backend as use_backend
    from qkan.models import (
        CNN as CNN,
        KAN as KAN,
        MLP as MLP,
        QKAN as QKAN,
        QuanvolutionNet as QuanvolutionNet,
        SineKAN as SineKAN,
        load as load,
        summary as summary,
    )
    from qkan.training import History as History, TrainingConfig as TrainingConfig, fit as fit
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
