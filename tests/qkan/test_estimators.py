"""The scikit-learn estimators: what scikit-learn itself asks of one, and what physicists do."""

import pickle
import runpy
import sys

import numpy as np
import pennylane as qml
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

import circuits
import qkan.estimators
from circuits.errors import MissingExtraError, UsageError
from qkan.estimators import KANClassifier, KANRegressor, QKANClassifier, QKANRegressor

FULL_BATCH = {"epochs": 2, "optimizer": "lbfgs", "batch_size": None, "learning_rate": None}
ALL = [KANClassifier, KANRegressor, QKANClassifier, QKANRegressor]


@pytest.fixture
def moons():
    from sklearn.datasets import make_moons

    x, y = make_moons(120, noise=0.1, random_state=0)
    return x, np.array(["upper", "lower"])[y]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [KANClassifier, KANRegressor])
def test_scikit_learns_own_checks(kind):
    estimator = kind((), grid=2, degree=1, **FULL_BATCH)
    done = check_estimator(estimator, on_skip=None)  # what asks for pandas and the like
    assert sum(result["status"] == "passed" for result in done) > 50


@pytest.mark.slow
def test_labels_probabilities_and_scores(moons):
    x, y = moons
    model = KANClassifier((4,), epochs=30, random_state=0).fit(x, y)
    assert model.classes_.tolist() == ["lower", "upper"]
    probabilities = model.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (model.predict(x) == model.classes_[probabilities.argmax(1)]).all()
    assert model.score(x, y) > 0.95
    again = KANClassifier((4,), epochs=30, random_state=0).fit(x, y)
    assert (again.predict_proba(x) == probabilities).all()
    assert (pickle.loads(pickle.dumps(model)).predict_proba(x) == probabilities).all()


def test_in_a_pipeline_and_a_grid_search(moons):
    pipeline = make_pipeline(MinMaxScaler(), KANClassifier((3,), epochs=5, random_state=0))
    search = GridSearchCV(pipeline, {"kanclassifier__grid": [2, 5]}, cv=2).fit(*moons)
    assert search.best_params_["kanclassifier__grid"] in (2, 5)
    assert search.best_estimator_[-1].model_[0].grid == search.best_params_["kanclassifier__grid"]
    assert len(cross_val_score(clone(pipeline), *moons, cv=2)) == 2
    drawn = {
        "grid": randint(2, 6),
        "learning_rate": loguniform(1e-3, 1e-1),
        "epochs": randint(1, 3),
    }
    search = RandomizedSearchCV(KANClassifier((3,)), drawn, n_iter=2, cv=2, random_state=0).fit(
        *moons
    )
    assert search.best_params_["grid"] in range(2, 6)


@pytest.mark.slow
def test_several_targets_keep_their_shape_and_scale():
    x = np.linspace(-3, 3, 60)[:, None]
    y = np.stack([1e3 * np.sin(x[:, 0]), 5 + 1e-3 * x[:, 0] ** 2], axis=1)
    options = FULL_BATCH | {"epochs": 10}
    model = KANRegressor((4,), random_state=0, **options).fit(x, y)
    assert model.predict(x).shape == (60, 2)
    np.testing.assert_allclose(model.predict(x), y, atol=0.02 * y.std(0).max(), rtol=0)
    assert model.score(x, y) > 0.999
    assert KANRegressor((), random_state=0, **options).fit(x, y[:, 0]).predict(x).shape == (60,)


@pytest.mark.parametrize("kind", ALL)
def test_negative_weights_take_samples_away(kind):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(40, 2))
    y = (x[:, 0] > 0).astype(int)
    # Each sample twice, once more with the wrong answer and the weights 1 and -1: nothing.
    both = np.concatenate([x, x, x])
    answers = np.concatenate([y, 1 - y, 1 - y])
    weights = np.repeat([1.0, 1.0, -1.0], 40)
    options = FULL_BATCH | {"random_state": 0, "epochs": 1}
    plain = kind((), **options).fit(x, y)
    weighted = kind((), **options).fit(both, answers, weights)
    np.testing.assert_allclose(plain._outputs(x), weighted._outputs(x), rtol=1e-5, atol=1e-5)
    for wrong in (-np.ones(40), np.repeat([1.0, -1.0], 20)):
        with pytest.raises(ValueError, match="must be positive"):
            kind((), **options).fit(x, y, wrong)


def test_early_stopping_holds_a_part_out(moons):
    x, y = moons
    noisy = np.where(np.random.default_rng(0).random(len(y)) < 0.3, "upper", y)
    model = KANClassifier((4,), epochs=200, learning_rate=0.1, patience=3, random_state=0)
    history = model.fit(x, noisy).history_
    assert len(history) == history.best_epoch + 4 < 200
    with pytest.raises(UsageError, match="validation_fraction"):
        KANClassifier(patience=3, validation_fraction=1.5).fit(*moons)


def test_an_edge_of_ones_own(moons):
    @circuits.circuit(wires=1, weights={"w": (2,)})
    def own(inputs, w):
        qml.RY(w[0], wires=0)
        qml.RX(inputs[..., 0], wires=0)
        qml.RY(w[1], wires=0)

    for edge in (own, "real(depth=2)"):
        model = QKANClassifier((3,), edge=edge, epochs=15, learning_rate=0.1, random_state=0)
        assert clone(model).fit(*moons).score(*moons) > 0.8


def test_mistakes_are_named(moons):
    with pytest.raises(UsageError, match="grid"):
        KANClassifier(grid=0).fit(*moons)
    with pytest.raises(UsageError, match="unknown edge 'rael'"):
        QKANClassifier(edge="rael").fit(*moons)
    for hidden in (3, np.int64(3), "3"):
        with pytest.raises(UsageError, match=r"such as \(8,\), got"):
            KANClassifier(hidden).fit(*moons)
    with pytest.raises(UsageError, match="validation_fraction must be a finite number"):
        KANClassifier(patience=3, validation_fraction="half").fit(*moons)
    with pytest.raises(NotFittedError):
        KANClassifier().predict(moons[0])
    for x, error, message in (
        (np.where(moons[0] > 1, np.nan, moons[0]), ValueError, "NaN"),
        (csr_matrix(moons[0]), TypeError, "[Ss]parse"),
        (np.array([["a", "b"]] * 120), ValueError, "could not convert"),
    ):
        with pytest.raises(error, match=message):
            KANClassifier().fit(x, moons[1])
    model = KANClassifier((), epochs=1).fit(*moons)
    with pytest.raises(ValueError, match="X has 1 features, but KANClassifier is expecting 2"):
        model.predict(moons[0][:, :1])
    with pytest.raises(UsageError, match="one class"):
        KANClassifier().fit(moons[0], ["a"] * 120)
    with pytest.raises(ValueError, match="Unknown label type"):
        KANClassifier().fit(moons[0], moons[0][:, 0])


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)  # then it cannot be imported
    with pytest.raises(MissingExtraError, match=r"hybrid-qkan\[sklearn\]"):
        runpy.run_path(qkan.estimators.__file__)
