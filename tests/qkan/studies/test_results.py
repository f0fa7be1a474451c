import numpy as np
import pytest

from qkan.studies.statistics import (
    compare_with_published,
    differences_to,
    paired_difference,
    prediction_interval,
    summarise,
)

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
