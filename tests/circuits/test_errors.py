import pytest

from circuits.errors import CircuitError, MissingExtraError, UsageError, unknown_name


def test_family():
    assert issubclass(CircuitError, UsageError)
    assert issubclass(UsageError, ValueError)
    assert issubclass(MissingExtraError, ImportError)


@pytest.mark.parametrize(
    ("name", "hint"), [("dmeo", "did you mean 'demo'? Known: "), ("xyz", "'xyz'. Known: ")]
)
def test_unknown_names_list_the_choices(name, hint):
    message = str(unknown_name("circuit", name, {"demo-legacy", "demo"}))
    assert hint in message
    assert message.endswith("Known: demo, demo-legacy")
