import pytest

from circuits import quanvolutional_filter
from qkan.experiments.quanvolution.narrative import form_sentence, published_sentence
from qkan.studies.report import difference_sentence


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.02, 0.01, "brings nothing measurable over"),
        (0.001, 0.03, "is better than"),
        (-0.03, -0.001, "is worse than"),
        (0.0, 0.02, "brings nothing measurable over"),
    ],
)
def test_the_verdict_follows_from_the_interval(low, high, verdict):
    interval = {"estimate": (low + high) / 2, "low": low, "high": high, "level": 0.95}
    sentence = difference_sentence("It", "the raw pixels", interval, 30, 30)
    assert sentence.startswith(f"It {verdict} the raw pixels here")
    assert f"[{100 * low:+.1f}, {100 * high:+.1f}]" in sentence


def test_reproduced_only_if_all_numbers_are_inside():
    inside, outside = {"inside": True, "level": 0.995}, {"inside": False, "level": 0.995}
    good = published_sentence({"quantum": {"val_loss": inside, "train_loss": inside}})
    assert good.startswith("Reproduced: all 2 published numbers lie inside the 99.5 % interval")
    other = published_sentence({"quantum": {"val_loss": inside}}, same=False)
    assert other.startswith("Not told apart from the published run")
    bad = published_sentence({"quantum": {"val_loss": inside, "train_loss": outside}})
    assert bad.startswith("Not reproduced: 1 of 2")
    assert "train loss of quantum" in bad
    assert "val loss" not in bad


def test_a_filter_without_a_series_says_why():
    circuit = quanvolutional_filter("random", wires=9)
    assert "too many terms" in form_sentence(circuit, None)
