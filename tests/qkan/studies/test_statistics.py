from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from circuits.errors import UsageError
from qkan.studies.statistics import (
    Summary,
    combined_interval,
    compare_with_published,
    crossed_interval,
    differences_to,
    mean_interval,
    paired_difference,
    prediction_interval,
    summarise,
)


def test_the_mean_interval_is_scipys():
    values = np.random.default_rng(1).normal(3, 2, 17)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    ours = mean_interval(values, 0.9)
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_paired_difference_is_scipys():
    first, second = np.random.default_rng(2).normal(size=(2, 11))
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    ours = paired_difference(first, second)
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert ours.estimate == pytest.approx((first - second).mean())


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.9, 0.995])
def test_the_prediction_interval_covers_a_further_run_as_often_as_it_says(level):
    draws = np.random.default_rng(3).normal(size=(4000, 8))
    hits = [row[-1] in prediction_interval(row[:-1], level) for row in draws]
    error = np.sqrt(level * (1 - level) / len(hits))
    assert np.mean(hits) == pytest.approx(level, abs=4 * error)


def test_the_standard_deviation_is_the_samples():
    summary = Summary.of([1.0, 3.0])
    assert (summary.mean, summary.n, summary.values) == (2.0, 2, (1.0, 3.0))
    assert summary.sd == pytest.approx(np.sqrt(2))
    assert Summary.of([1.0]).sd == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Summary.of([]), "1 or more finite values"),
        (lambda: Summary.of([np.inf, np.nan]), r"got 0 in shape \(2,\)"),
        (lambda: mean_interval([1.0]), "2 or more finite values"),
        (lambda: paired_difference([1.0, np.nan, 2.0], [1.0, 2.0, np.nan]), "got 1 in shape"),
        (lambda: summarise({"kan": {"loss": [np.nan]}}), "loss of kan: expected 1 or more"),
        (lambda: combined_interval(np.nan, [(1.0, 1)]), "finite"),
        (lambda: crossed_interval([[1.0, np.nan], [1.0, 2.0], [3.0, np.nan]]), "2 or more finite"),
        (lambda: paired_difference([1.0, 2.0], [1.0, 2.0, 3.0]), "same seeds"),
        (lambda: prediction_interval([1.0, 2.0], level=95), "between 0 and 1"),
    ],
)
def test_bad_samples_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.5, 2.0])  # of the seeds; that of the images is 2
def test_a_crossed_interval_covers_the_mean_over_seeds_and_images(seeds, spread):
    rng = np.random.default_rng(3)
    rows, columns = rng.normal(0, spread, (1500, seeds, 1)), rng.normal(0, 2, (1500, 1, 40))
    values = 1 + rows + columns + rng.normal(0, 0.3, (1500, seeds, 40))
    assert np.mean([1.0 in crossed_interval(each) for each in values]) > 0.935


@pytest.mark.parametrize("freedom", [1, 2, 4])
@pytest.mark.parametrize("other", [0.0, 0.01, 0.1, 1.0, 10.0])
def test_intervals_of_several_variations_cover_what_they_say(freedom, other):
    """The seeds' variance is 1, found with few degrees of freedom; that of the test sample is known."""
    rng, n = np.random.default_rng(4), 20_000
    variance = rng.chisquare(freedom, n) / freedom
    half = np.sqrt(
        variance * combined_interval(0, [(1.0, freedom)]).high ** 2
        + combined_interval(0, [(other, np.inf)]).high ** 2
    )
    one = combined_interval(0, [(variance[0], freedom), (other, np.inf)])
    assert one.high == pytest.approx(half[0])
    covered = np.abs(rng.normal(0, np.sqrt(1 + other), n)) <= half
    assert covered.mean() > 0.945


def test_with_equal_seeds_it_is_the_interval_over_images():
    images = np.random.default_rng(4).normal(0, 1, 30)
    ours, over_images = crossed_interval(np.tile(images, (3, 1))), mean_interval(images)
    assert (ours.low, ours.high) == pytest.approx((over_images.low, over_images.high))


def test_a_crossed_interval_of_equal_values_is_a_point():
    assert crossed_interval(np.ones((3, 5))).low == 1.0


def test_failed_trainings_are_left_out_and_counted():
    nan = np.nan
    assert mean_interval([1.0, nan, 2.0]) == replace(mean_interval([1.0, 2.0]), failed=1)
    ours = paired_difference([1.0, nan, 4.0, 5.0], [0.0, 1.0, nan, 2.0])
    assert ours == replace(mean_interval([1.0, 3.0]), failed=2)
    rows = np.random.default_rng(1).normal(size=(4, 6))
    rows[2, 3] = nan
    expected = crossed_interval(np.delete(rows, 2, axis=0))
    assert crossed_interval(rows) == replace(expected, failed=1)
    assert summarise({"kan": {"loss": [1.0, np.inf]}})["kan"]["loss"]["failed"] == 1


@pytest.mark.parametrize("shape", [(3,), (1, 5), (5, 1)])
def test_a_crossed_interval_needs_seeds_and_images(shape):
    with pytest.raises(UsageError, match="2 or more of each"):
        crossed_interval(np.ones(shape))


RNG = np.random.default_rng(0)
RESULTS = {arm: {"loss": RNG.normal(1, 0.1, 20)} for arm in ("quantum", "classical", "other")}


def test_the_summary_has_the_contracts_fields():
    summary = summarise(RESULTS)["quantum"]["loss"]
    assert set(summary) == {"mean", "sd", "n", "values"}
    assert summary["mean"] == pytest.approx(RESULTS["quantum"]["loss"].mean())
    assert len(summary["values"]) == summary["n"] == 20


def test_differences_are_to_the_reference():
    differences = differences_to("classical", RESULTS)
    assert set(differences) == {"quantum", "other"}
    expected = paired_difference(RESULTS["other"]["loss"], RESULTS["classical"]["loss"])
    assert differences["other"]["loss"] == vars(expected)


def test_a_published_number_is_inside_or_outside():
    interval = prediction_interval(RESULTS["quantum"]["loss"])
    for value, inside in [(interval.low, True), (interval.high + 1e-9, False)]:
        check = compare_with_published(RESULTS, {"quantum": {"loss": value}})["quantum"]["loss"]
        assert check["inside"] is inside
        assert (check["low"], check["high"]) == (interval.low, interval.high)
