import pytest

from circuits import FILTERS, UsageError, quanvolutional_filter


@pytest.mark.parametrize("name", sorted(FILTERS))
@pytest.mark.parametrize("entanglement", [True, False])
def test_every_filters_own_name_asks_for_it_again(name, entanglement):
    filt = quanvolutional_filter(name, entanglement=entanglement)
    again = quanvolutional_filter(filt.name)
    assert (again.fingerprint, again.name) == (filt.fingerprint, filt.name)
    assert all((again.defaults[n] == value).all() for n, value in filt.defaults.items())


def test_spellings():
    expected = quanvolutional_filter("random", layers=2, seed=5).fingerprint
    for text in ("random(layers=2, seed=5)", " Random( seed=5,layers=2 )", "random(layers=2)"):
        options = {"seed": 5} if "seed" not in text else {}
        assert quanvolutional_filter(text, **options).fingerprint == expected
    assert quanvolutional_filter("demo_legacy").name == "demo-legacy"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dmeo", {}, "did you mean 'demo'"),
        ("", {}, "Known: basic-entangler, demo"),
        ("demo/no-entanglement/extra", {}, "unknown filter"),
        ("random", {"seeds": 1}, "did you mean 'seed'"),
        ("demo", {"wires": 4}, "unknown option of filter 'demo'"),
        (
            "random",
            {"wires": 0},
            "wires of filter 'random' must be an integer of at least 1, got 0",
        ),
        ("random", {"seed": -1}, "must be an integer of at least 0"),
        ("random", {"layers": 1.5}, "must be an integer of at least 1, got 1.5"),
        ("random", {"layers": True}, "must be an integer"),
        ("random", {"layers": None}, "layers of filter 'random' must be an integer"),
        ("random(2)", {}, "name=value"),
        ("random(layers=)", {}, "cannot read the options"),
        ("random(layers=os)", {}, "cannot read the options"),
        ("random(**{'layers': 2})", {}, "name=value"),
        ("random(layers=2) (seed=1)", {}, "unknown filter"),
        ("random(seed=1)(layers=2)", {}, "unknown filter"),
        ("random(seed=1), f(seed=2)", {}, "unknown filter"),
        ("random(seed=1, seed=2)", {}, "each once"),
    ],
)
def test_mistakes_are_named(name, options, message):
    with pytest.raises(UsageError) as caught:
        quanvolutional_filter(name, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", [None, 3, b"demo"])
def test_a_name_is_text(name):
    with pytest.raises(UsageError, match="filter"):
        quanvolutional_filter(name)
