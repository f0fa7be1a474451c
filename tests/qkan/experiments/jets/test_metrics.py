"""Metrics against closed forms and counting pairs, also with negative weights; the bootstrap against its slow twin."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from circuits.errors import UsageError
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
    difference = auc_difference([run, run], [run, run], labels)
    assert (difference.low, difference.estimate, difference.high) == (0, 0, 0)


def test_the_difference_is_that_of_the_aucs_with_weights_and_ties(scored) -> None:  # type: ignore[no-untyped-def]
    scores, labels, weights = scored
    weights = weights * np.where(np.arange(400) % 10 == 0, -1, 1)
    rng = np.random.default_rng(1)
    others = [np.round(scores + rng.normal(0, spread, 400), 1) for spread in (0.5, 1.0)]
    runs = [[{"scores.test": each} for each in pair] for pair in ((scores, scores), others)]
    gaps = [roc(scores, labels, weights).auc - roc(other, labels, weights).auc for other in others]
    found = auc_difference(*runs, labels, weights)
    assert found.estimate == pytest.approx(np.mean(gaps), rel=1e-12)
    plain, twice = (auc_difference(*runs, labels, w) for w in (None, np.full(400, 2.0)))
    assert (plain.low, plain.high) == pytest.approx((twice.low, twice.high))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0])
def test_the_interval_of_a_difference_covers(seeds: int, spread: float) -> None:
    """In 400 simulated studies, whether seeds or jets dominate; the truth is a closed form."""
    from scipy.stats import norm

    rng, labels, covered = np.random.default_rng(seeds), np.repeat([1, 0], 150), 0
    truth = norm.cdf(1.0 / 2**0.5) - norm.cdf(1.0 / (2 + spread**2) ** 0.5)
    for _ in range(400):
        jets = rng.normal(labels, 1.0)
        clean = [{"scores.test": jets}] * seeds
        noises = (
            rng.normal(0, spread / 2**0.5, (seeds, 300))
            + 0.02 * spread * rng.normal(size=(seeds, 1)) * labels
        )
        noisy = [{"scores.test": jets + noise} for noise in noises]
        covered += truth in auc_difference(clean, noisy, labels)
    assert covered >= 0.95 * 400 - 3 * (400 * 0.95 * 0.05) ** 0.5


def test_the_error_of_a_rejection_is_binomial_where_many_pass() -> None:
    rng, labels = np.random.default_rng(0), np.repeat([1, 0], 4000)
    scores = rng.normal(labels, 1.0)
    values = bootstrap(scores, labels, resamples=200, signal=0.5)
    curve = roc(scores, labels)
    assert np.median(values) == pytest.approx(curve.rejection(0.5), rel=0.05)
    slope = np.exp(0.5)  # of the ROC curve of these Gaussians at 50 %, upside down
    passed = curve.background_at(0.5)
    error = (passed * (1 - passed) / 4000 + (0.25 / 4000) / slope**2) ** 0.5 / passed**2
    assert values.std() == pytest.approx(error, rel=0.3)
    few = bootstrap([1.0, 2.0, 0.0, 0.1], [1, 1, 0, 0], resamples=5, signal=0.5)
    assert np.isinf(few).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roc([0.1, 0.2], [1]), "as many scores"),
        (lambda: roc([0.1, np.nan], [1, 0]), "NaN"),
        (lambda: bootstrap([0.1, np.inf], [1, 0]), "score is NaN or infinite"),
        (lambda: roc([0.1, 0.2], [1, 0], [1, np.nan]), "weight is NaN"),
        (lambda: roc([0.1, 0.2], [1, 2]), "labels must be"),
        (lambda: roc([0.1, 0.2], [1, -1]), "labels must be"),
        (lambda: roc([0.1, 0.2], [1, np.nan]), "labels must be"),
        (lambda: roc([0.1, 0.2], [1, 1]), "weights of the background sum to"),
        (lambda: bootstrap([0.1, 0.2], [0, 0]), "weights of the signal sum to"),
        (lambda: bootstrap([0.1, 0.2], [0, 1], resamples=0), "resamples must be an integer"),
        (lambda: calibration_error([1.5, 0.2], [1, 0]), r"\[0, 1\]"),
        (lambda: calibration_error([0.5, 0.2], [1, 0], bins=0), "bins must be an integer"),
        (lambda: roc([0.1, 0.2], [1, 0]).rejection(0.0), "signal efficiency"),
        (lambda: roc([0.1, 0.2], [1, 0]).rejection(np.nan), "signal efficiency"),
        (
            lambda: auc_difference([{"scores.test": [0, 1]}], [{"scores.test": [0, 1]}], [0, 1]),
            "two seeds",
        ),
    ],
)
def test_wrong_input_is_refused(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=message):
        call()
