"""The public names resolve, are listed, and are what their home modules define."""

from __future__ import annotations

import re

import pytest

import circuits
import qkan
import qkan.studies

PACKAGES = (
    qkan,
    circuits,
    qkan.layers,
    qkan.models,
    qkan.estimators,
    qkan.training,
    qkan.analysis,
    qkan.plotting,
    qkan.studies,
)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_what_is_public_resolves_and_nothing_else_is_shown(package):
    assert dir(package) == sorted(set(package.__all__))
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_unknown_names_are_attribute_errors(package):
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'foo'"):
        _ = package.foo
    assert not hasattr(package, "foo")
    with pytest.raises(ImportError, match="cannot import name 'Foo'"):
        exec(f"from {package.__name__} import Foo")


def test_names_are_those_of_their_home_modules():
    from circuits.errors import UsageError
    from qkan.layers.quantum import QuantumLayer

    assert qkan.UsageError is circuits.UsageError is UsageError
    assert qkan.QuantumLayer is QuantumLayer


def test_every_kan_layer_is_public():
    assert {kind.__name__ for kind in qkan.layers.LAYERS.values()} <= {*qkan.layers.__all__}


def test_versions():
    from qkan._version import NUMERICS, __version__

    assert qkan.__version__ == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", __version__)
    assert NUMERICS
