"""Metrics against closed forms and counting pairs, also with negative weights; the bootstrap against its slow twin."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from circuits.errors import UsageError
from qkan.experiments.jets import metrics
from qkan.experiments.jets.metrics import (
    auc_difference,
    bootstrap,
    calibration_error,
    reliability,
    roc,
)


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 400)
    scores = np.round(rng.normal(labels, 1.0), 1)  # with ties
    return scores, labels, rng.uniform(0.2, 2.0, 400)


def test_auc_is_scikit_learns_with_weights_and_ties(scored) -> None:  # type: ignore[no-untyped-def]
    scores, labels, weights = scored
    assert roc(scores, labels).auc == pytest.approx(roc_auc_score(labels, scores))
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert roc(scores, labels, weights).auc == pytest.approx(expected)


def test_auc_with_negative_weights_counts_weighted_pairs(scored) -> None:  # type: ignore[no-untyped-def]
    scores, labels, weights = scored
    weights = weights * np.where(np.arange(400) % 10 == 0, -1, 1)
    s, b = labels == 1, labels == 0
    wins = (scores[s][:, None] > scores[b]) + 0.5 * (scores[s][:, None] == scores[b])
    expected = weights[s] @ wins @ weights[b] / weights[s].sum() / weights[b].sum()
    curve = roc(scores, labels, weights)
    assert curve.auc == pytest.approx(expected)
    assert np.isfinite(curve.rejection(0.5))


def test_a_weight_of_two_is_two_jets(scored) -> None:  # type: ignore[no-untyped-def]
    scores, labels, _ = scored
    double = np.where(np.arange(400) < 100, 2.0, 1.0)
    twice = np.concatenate([np.arange(400), np.arange(100)])
    assert roc(scores, labels, double).auc == pytest.approx(roc(scores[twice], labels[twice]).auc)


def test_rejection_of_two_gaussians_is_the_closed_form() -> None:
    from scipy.stats import norm

    grid = (np.arange(20_000) + 0.5) / 20_000
    scores = np.concatenate([norm.ppf(grid) + 1.5, norm.ppf(grid)])
    curve = roc(scores, np.repeat([1, 0], 20_000))
    for signal in (0.3, 0.5):
        passed = norm.sf(norm.isf(signal) + 1.5)
        assert curve.rejection(signal) == pytest.approx(1 / passed, rel=2e-3)
        assert curve.significance_improvement(signal) == pytest.approx(
            signal / passed**0.5, rel=2e-3
        )
    assert curve.auc == pytest.approx(norm.cdf(1.5 / 2**0.5), rel=1e-4)


def test_calibration_of_true_probabilities_and_of_overconfidence() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    labels = (rng.random(50_000) < p).astype(int)
    assert calibration_error(p, labels) < 0.01
    sharp = p**3 / (p**3 + (1 - p) ** 3)
    assert calibration_error(sharp, labels) > 0.1
    mean, fraction, share = reliability(p, labels)
    assert np.allclose(mean, fraction, atol=0.03)
    assert share.sum() == pytest.approx(1)


def test_bootstrap_has_the_standard_error_of_delong_and_is_paired(scored) -> None:  # type: ignore[no-untyped-def]
    scores, labels, _ = scored
    values = bootstrap(scores, labels, resamples=300)
    s, b = scores[labels == 1], scores[labels == 0]
    wins = (s[:, None] > b) + 0.5 * (s[:, None] == b)
    delong = (wins.mean(1).var(ddof=1) / len(s) + wins.mean(0).var(ddof=1) / len(b)) ** 0.5
    assert values.std(ddof=1) == pytest.approx(delong, rel=0.2)
    moved = bootstrap(2 * scores + 1, labels, resamples=300)
    assert np.array_equal(moved, values)
    assert abs(values.mean() - roc(scores, labels).auc) < 4 * values.std() / 300**0.5


def test_bootstrap_is_the_auc_of_the_drawn_jets(scored) -> None:  # type: ignore[no-untyped-def]
    """The fast form against its slow twin: the ROC of every resample."""
    scores, labels, weights = scored
    weights = weights * np.where(np.arange(400) % 10 == 0, -1, 1)
    rng, slow = np.random.default_rng(5), []
    for _ in range(20):
        drawn = [rng.choice(np.flatnonzero(labels == k), (labels == k).sum()) for k in (0, 1)]
        both = np.concatenate(drawn)
        slow.append(roc(scores[both], labels[both], weights[both]).auc)
    fast = bootstrap(scores, labels, weights=weights, resamples=20, seed=5)
    assert np.allclose(fast, slow, rtol=1e-12)


def test_a_tagger_against_itself_differs_by_nothing(scored) -> None:  # type: ignore[no-untyped-def]
    scores, labels, _ = scored
    run = {"scores.test": scores, "auc": np.array(roc(scores, labels).auc)}
    difference = auc_difference([run, run], [run, run], labels, resamples=20)
    assert (difference.low, difference.estimate, difference.high) == (0, 0, 0)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="as many scores"):
        roc([0.1, 0.2], [1])
    with pytest.raises(UsageError, match="NaN"):
        roc([0.1, np.nan], [1, 0])
    with pytest.raises(UsageError, match="labels must be"):
        roc([0.1, 0.2], [1, 2])
    with pytest.raises(UsageError, match="weights of the background sum to"):
        roc([0.1, 0.2], [1, 1])
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        calibration_error([1.5, 0.2], [1, 0])
    with pytest.raises(UsageError, match="signal efficiency"):
        roc([0.1, 0.2], [1, 0]).rejection(0.0)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.003, 0.01, 0.03])  # of the seeds; the test sample's is 0.01
def test_the_interval_of_a_difference_covers_it(monkeypatch, seeds, spread):
    rng, resampled = np.random.default_rng(0), np.random.default_rng(1).normal(0, 0.01, 200)
    resampled *= 0.01 / resampled.std(ddof=1)
    monkeypatch.setattr(metrics, "bootstrap", lambda scores, *_, **__: scores + resampled * scores)
    runs = [{"scores.test": np.array(0.0), "auc": 0.0}] * seeds
    ours = [{"scores.test": np.array(1.0)}] * seeds
    covered = []
    for _ in range(2000):
        aucs = rng.normal(0, 0.01) + rng.normal(0, spread, seeds)
        first = [run | {"auc": auc} for run, auc in zip(ours, aucs, strict=True)]
        covered.append(0.0 in auc_difference(first, runs, None, resamples=200))
    assert np.mean(covered) > 0.93
