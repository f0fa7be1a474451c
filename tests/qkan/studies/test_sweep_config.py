import pytest

from circuits.errors import UsageError
from qkan.studies.sweep_config import Choice, Range, merged, parse_space


def test_tables_and_names_with_dots_are_the_same():
    value = {"low": 1, "high": 3}
    for space in ({"model": {"head": {"grid": value}}}, {"model.head.grid": value}):
        assert parse_space(space) == {"model.head.grid": Range(1, 3)}


def test_a_range_is_whole_if_both_ends_are():
    def grid(dimension):
        return [dimension.at(k) for k in range(dimension.count)]

    assert grid(Range(1, 3)) == [1, 2, 3]
    assert grid(Range(16, 64, step=16)) == [16, 32, 48, 64]
    assert grid(Range(0.1, 0.3, step=0.1)) == pytest.approx([0.1, 0.2, 0.3])
    assert [type(each.at(1)) for each in (Range(0, 1), Range(0, 1.0, step=1))] == [int, float]
    assert Range(0.0, 1.0).count is Range(1, 8, log=True).count is None


def test_lists_come_back_as_lists():
    choice = Choice(([784, 10], [784, 64, 10]))
    labels = choice.distribution().choices
    assert [choice.value(each) for each in labels] == [[784, 10], [784, 64, 10]]


def test_merging_changes_nothing_else():
    base = {"model": {"kind": "quanvolution", "head": {"kind": "mlp", "sizes": [784, 10]}}}
    result = merged(base, {"model.head.sizes": [784, 5, 10], "training.seed": 1})
    assert result["model"]["head"] == {"kind": "mlp", "sizes": [784, 5, 10]}
    assert result["training"] == {"seed": 1}
    assert base["model"]["head"]["sizes"] == [784, 10]
    with pytest.raises(UsageError, match="kind is 'mlp', which has no settings"):
        merged({"model": {"kind": "mlp"}}, {"model.kind.x": 1})


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "the space is empty"),
        ({"model": {}}, "the space is empty"),
        ({"modle.grid": [1]}, "unknown section of the space 'modle'; did you mean 'model'"),
        ({"model.grid": 3}, "expected a list of values or"),
        ({"model.grid": []}, "a list of different values"),
        ({"model.grid": [1, 2, 1]}, "a list of different values"),
        ({"model.grid": [1, True]}, "a list of different values"),
        ({"model.grid": {"low": 3}}, "'high' is missing"),
        (
            {"model.grid": {"low": 3, "high": 3}},
            "space.model.grid: expected low < high, got 3 and 3",
        ),
        (
            {"model.grid": {"low": float("nan"), "high": 3}},
            "expected low to be int or float that is finite, got nan",
        ),
        ({"model.grid": {"low": 0, "high": 3, "log": True}}, "needs low > 0"),
        ({"model.grid": {"low": 1, "high": 3, "log": 1}}, "expected log to be bool, got 1"),
        ({"model.grid": {"low": 1, "high": 3, "logs": True}}, "did you mean 'log'"),
        ({"model.grid": {"low": 1, "high": 3, "step": 0.5}}, "whole between whole numbers"),
        ({"model.grid": {"low": 1, "high": 3, "step": 1, "log": True}}, "not with log"),
    ],
)
def test_mistakes(space, message):
    with pytest.raises(UsageError, match=message):
        parse_space(space)
