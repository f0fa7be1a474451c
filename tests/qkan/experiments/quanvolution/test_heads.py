import numpy as np
import pytest
import torch

from qkan.experiments.quanvolution.heads import Split, make_head, train_heads


def split(generator, count):
    """Two classes that a linear head can tell apart: the upper or the lower half is bright."""
    labels = torch.randint(2, (count,), generator=generator)
    images = torch.randint(0, 60, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0, 4 * label : 4 * label + 4] += 190
    return Split(images, labels)


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    return [split(generator, count) for count in (70, 20, 30)]


def train(data, seed=0, epochs=20):
    return train_heads(torch.nn.PixelUnshuffle(2), *data, seed=seed, epochs=epochs, batch_size=8)


def test_both_heads_learn_what_is_easy(data):
    history = train(data)
    for head in ("linear", "cnn"):
        assert history[f"{head}.train_loss"][-1] < history[f"{head}.train_loss"][0] / 2
        assert history[f"{head}.test_accuracy"] > 0.9


def test_a_seed_repeats_and_others_differ(data):
    first, again, other = train(data, 1, 2), train(data, 1, 2), train(data, 2, 2)
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
    assert not np.array_equal(first["linear.train_loss"], other["linear.train_loss"])


def test_the_test_images_change_nothing_but_the_test(data):
    first = train(data, epochs=10)
    train_data, validation, test = data
    second = train([train_data, validation, Split(test.images, 1 - test.labels)], epochs=10)
    for name, values in first.items():
        if ".test_" not in name:
            np.testing.assert_array_equal(values, second[name])
    assert second["linear.test_accuracy"] <= 1 - first["linear.test_accuracy"] < 0.5


def test_validation_chooses_the_epoch_that_is_tested(data):
    train_data, _, test = data
    # Validated on the test images, the tested weights are those of the best epoch.
    history = train([train_data, test, test], epochs=4)
    for head in ("linear", "cnn"):
        accuracies = history[f"{head}.val_accuracy"]
        (best,) = history[f"{head}.best_epoch"].astype(int)
        assert best == accuracies.argmax()
        assert history[f"{head}.test_accuracy"] == accuracies[best]
        assert history[f"{head}.test_loss"] == history[f"{head}.val_loss"][best]


@pytest.mark.parametrize(
    ("kind", "count"), [("linear", 4 * 14 * 14 * 10 + 10), ("cnn", 296 + 1168 + 1450)]
)
def test_the_heads_have_the_sizes_they_say(kind, count):
    head = make_head(kind, 4, 14, torch.Generator())
    assert sum(p.numel() for p in head.parameters()) == count
