import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.data import MNIST, mnist
from qkan.experiments import mnist_task
from qkan.experiments.mnist_task import Images, arm, survivors, ten_classes, train_on_mnist
from qkan.studies.study import Results
from qkan.studies.study import trained as model_of
from qkan.training import evaluate

MODEL = {"kind": "mlp", "sizes": [784, 8, 10]}
TIMES = {"train_seconds", "inference_us"}


def few(**choice):
    return Images.of(**{"train": 60, "validation": 20, "test": 30} | choice)


def trained(seed=0, images=None, epochs=3, **options):
    settings = arm(MODEL, {"epochs": epochs, "batch_size": 10}, images or few(), **options)
    return train_on_mnist(seed=seed, **settings)


def test_a_seed_gives_the_same_numbers_again_and_another_gives_others():
    first, again, other = trained(), trained(), trained(seed=1)
    for name in first.keys() - TIMES:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["train_loss"], other["train_loss"])


def test_what_is_tested_are_the_weights_of_the_best_epoch():
    images = few(pixels="symmetric")
    arrays = trained(images=images, epochs=4, rates=[0.005], keep_weights=True)
    assert arrays["val_accuracy"][-1] < arrays["val_accuracy"].max()
    model = model_of(MODEL, arrays)
    _, validation, test = ((images.scaled(x), y) for x, y in images.split(mnist()))
    assert evaluate(model, validation)["accuracy"] == arrays["val_accuracy"].max()
    scores = evaluate(model, test)
    assert arrays["test_accuracy"] == scores["accuracy"] == arrays["test.correct"].mean()
    assert arrays["best_epoch"] == arrays["val_accuracy"].argmax() + 1


def test_in_the_notebooks_protocol_the_test_images_choose():
    arrays = trained(images=few(validation=0))
    assert arrays["test_accuracy"] == arrays["val_accuracy"].max()


def test_the_better_learning_rate_is_chosen_on_the_validation_images():
    slow, fast = (trained(rates=[rate]) for rate in (1e-6, 1e-2))
    both = trained(rates=[1e-6, 1e-2])
    assert fast["val_accuracy"].max() > slow["val_accuracy"].max()
    assert both["rate"] == 1e-2
    np.testing.assert_array_equal(both["val_accuracy"], fast["val_accuracy"])


def test_weights_are_kept_of_the_first_seed_alone():
    assert any(name.startswith("weights.") for name in trained(keep_weights=True))
    assert not any(name.startswith("weights.") for name in trained(seed=1, keep_weights=True))


def test_the_parts_of_the_training_set_do_not_overlap():
    digits = mnist()
    (x, y), (x_val, y_val), (x_test, _) = few().split(digits)
    assert (len(x), len(x_val), len(x_test)) == (60, 20, 30)
    torch.testing.assert_close(torch.cat([x, x_val]), digits.train_images[:80])
    torch.testing.assert_close(torch.cat([y, y_val]), digits.train_labels[:80])
    torch.testing.assert_close(x_test, digits.test_images[:30])


def test_the_range_of_the_pixels():
    for pixels, ends in (("unit", (0, 1)), ("symmetric", (-1, 1))):
        scaled = few(pixels=pixels).scaled(mnist(test=1).test_images)
        assert (scaled.min(), scaled.max()) == ends


def test_a_diverging_rate_loses_the_choice():
    both, fine = trained(rates=[1e30, 1e-2], epochs=1), trained(rates=[1e-2], epochs=1)
    for name in fine.keys() - TIMES - {"diverged", "diverged.rates"}:
        np.testing.assert_array_equal(both[name], fine[name])
    assert both["diverged.rates"].tolist() == [1e30]
    lost = trained(rates=[1e30], epochs=1)
    assert (lost.keys(), int(lost["diverged"])) == ({"diverged", "diverged.rates"}, 1)
    left, said = survivors(Results({"a": [fine, both], "b": [lost, fine]}))
    assert list(left.runs) == ["a"]
    assert said == [
        "Trainings that diverged lose the choice of the learning rate: 1e+30 (2 trainings).",
        "Left out, for they diverged at every learning rate: b (seed 0).",
    ]
    assert survivors(Results({"a": [fine]})) == (Results({"a": [fine]}), [])
    with pytest.raises(UsageError, match=r"no arm could be trained .* 1e\+30"):
        survivors(Results({"b": [lost]}))


def test_images_that_are_not_those_of_the_arm_are_refused():
    settings = arm(MODEL, {"epochs": 1}, few())
    settings["images"]["sha256"] = "0" * 64
    with pytest.raises(UsageError, match="not those that the study began with"):
        train_on_mnist(seed=0, **settings)


@pytest.mark.parametrize(("side", "largest"), [(8, 9), (28, 25)])
def test_other_shapes_and_more_classes_are_refused(side, largest):
    images, labels = torch.zeros(3, 1, side, side, dtype=torch.uint8), torch.tensor([0, 1, largest])
    with pytest.raises(UsageError, match=f"{side} x {side} pixels and labels up to {largest}"):
        ten_classes(MNIST(images, labels, images, labels, "letters", ""))


def test_images_that_are_not_there():
    for choice, message in (
        ({"train": 4_990, "validation": 20}, r"at most 5,000 .* got 4,990 \+ 20 .* --full"),
        ({"train": 0}, "expected training and test images, got 0"),
        ({"validation": -1}, "with -1 for validation"),
    ):
        with pytest.raises(UsageError, match=message):
            few(**choice)


def test_warming_up_draws_nothing_from_anybody():
    mnist_task._warm_up.cache_clear()
    before = torch.get_rng_state()
    mnist_task._warm_up()
    assert torch.equal(torch.get_rng_state(), before)
