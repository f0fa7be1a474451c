"""The scikit-learn estimators: what scikit-learn itself asks of one, and what physicists do."""


from sklearn.utils.estimator_checks import parametrize_with_checks

from qkan.estimators import KANClassifier, KANRegressor

SMALL = {"epochs": 4, "optimizer": "lbfgs", "batch_size": None, "learning_rate": None}


@parametrize_with_checks(
    [KANClassifier((), grid=3, **SMALL), KANRegressor((), grid=3, **SMALL)],
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
