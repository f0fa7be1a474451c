"""The scikit-learn estimators: what scikit-learn itself asks of one, and what physicists do."""

import importlib.util

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import qkan.estimators
from circuits.errors import MissingExtraError, UsageError
from qkan.estimators import KANClassifier, KANRegressor, QKANClassifier, QKANRegressor

SMALL = {"epochs": 4, "optimizer": "lbfgs", "batch_size": None, "learning_rate": None}


@parametrize_with_checks(
    [KANClassifier((), grid=3, **SMALL), KANRegressor((), grid=3, **SMALL)],
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
