from __future__ import annotations

import hashlib
import importlib
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.data import mnist
from qkan.data.mnist import load_folder

# ``qkan.data.mnist`` is the function, which hides the module of the same name.
mnist_module = importlib.import_module("qkan.data.mnist")

# Of the first 5,000/1,000 of the files whose MD5 is in the module.
SHA256 = {
    "train_images": "a853ca5da5c224d531837eaa3fe56ac036778bb2fdfad445143b5b7d4ec1c739",
    "train_labels": "4263f048ea43702387ef1c8494b59e785853c0410e9770600d50f541a6fee264",
    "test_images": "f8f3c5a608a9f7d4bd5e9d69b90c53932b8b99371d9db26121b42f62f3abcd56",
    "test_labels": "d14ba0a1a3818edefa35518ed001ece84b7ac0eabe9394551c73928493175d3f",
}


def test_the_embedded_images_are_the_first_of_mnist() -> None:
    digits = mnist()
    for name, sha256 in SHA256.items():
        content = getattr(digits, name).to(torch.uint8).numpy().tobytes()
        assert hashlib.sha256(content).hexdigest() == sha256
    assert digits.train_labels.bincount().tolist() == [
        479, 563, 488, 493, 535, 434, 501, 550, 462, 495,
    ]  # fmt: skip
    assert digits.test_labels.bincount().tolist() == [85, 126, 116, 107, 110, 87, 87, 99, 89, 94]
    assert digits.source == "embedded first 5,000/1,000"
    assert digits.sha256 == "03dc591647c4e8363958fc6c69d1022e753e01151e5423680b7f1fc198d2e693"


def test_shapes_and_types() -> None:
    digits = mnist(50, 30)
    for kind, count in (("train", 50), ("test", 30)):
        images, labels = getattr(digits, f"{kind}_images"), getattr(digits, f"{kind}_labels")
        assert (images.shape, images.dtype) == ((count, 1, 28, 28), torch.uint8)
        assert (labels.shape, labels.dtype) == ((count,), torch.int64)


def test_the_package_stays_small_and_names_the_licence() -> None:
    files = resources.files("qkan.data") / "files"
    assert len((files / mnist_module.EMBEDDED_FILE).read_bytes()) < 1_500_000
    licence = (files / "LICENSE-MNIST.md").read_text(encoding="utf-8")
    for part in ("ShareAlike 3.0", "LeCun", "Cortes", mnist_module.EMBEDDED_SHA256):
        assert part in licence


@pytest.mark.parametrize(
    ("images", "expected"),
    [("train_images", -4192.717263655683), ("test_images", -2557.634856652846)],
)
def test_check_sums_of_the_closed_form(images: str, expected: float) -> None:
    """The demo filter's features of the published images, by the closed form of its outputs."""
    pixels = getattr(mnist(50, 30), images)[:, 0].numpy() / 255.0
    x0, x1 = pixels[:, ::2, ::2], pixels[:, ::2, 1::2]
    x2, x3 = pixels[:, 1::2, ::2], pixels[:, 1::2, 1::2]
    Z0 = np.cos(np.pi * x0)
    Z1 = np.cos(np.pi * x1 + 3.448296944257913)
    Z2 = 0.16745669927347184 * np.sin(np.pi * x2) + 0.4253798201272212 * np.cos(np.pi * x2)
    Z3 = Z1 * np.cos(np.pi * x3)
    assert sum(float(Z.sum()) for Z in (Z0, Z1, Z2, Z3)) == pytest.approx(expected, abs=1e-8)


def test_the_full_set_from_a_folder(fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist_module, "load_folder", partial(load_folder, md5=fake.md5))
    fake.write(tmp_path, zipped=True)
    digits = mnist(3, full=True, data_dir=tmp_path)
    assert digits.source == "full"
    np.testing.assert_array_equal(digits.train_images[:, 0], fake.arrays[0][:3])
    np.testing.assert_array_equal(digits.train_labels, fake.arrays[1][:3])
    np.testing.assert_array_equal(digits.test_images[:, 0], fake.arrays[2])
    np.testing.assert_array_equal(digits.test_labels, fake.arrays[3])
    monkeypatch.setenv("QKAN_DATA", str(tmp_path))
    assert mnist(3, full=True).sha256 == digits.sha256 != mnist(2, full=True).sha256
    with pytest.raises(UsageError, match=r"test=5\): MNIST has 4 images"):
        mnist(test=5, full=True)


def test_counts_that_cannot_be_served() -> None:
    with pytest.raises(UsageError, match=r"train=5,001.*first 5,000.*full=True.*--full"):
        mnist(train=5001)
    with pytest.raises(UsageError, match=r"test=1,001.*first 1,000.*full=True.*--full"):
        mnist(test=1001)
    for count in (0, 2.5, True, "50"):
        with pytest.raises(
            UsageError,
            match=rf"number of test images must be an integer of at least 1, got {count!r}",
        ):
            mnist(test=count)


def test_the_command_that_made_the_embedded_file(fake, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mnist_module, "load_folder", partial(load_folder, md5=fake.md5))
    mnist_module.embed(fake.write(tmp_path), tmp_path / "some.npz", train=5, test=2)
    with np.load(tmp_path / "some.npz") as arrays:
        assert [len(arrays[name]) for name in SHA256] == [5, 5, 2, 2]
        np.testing.assert_array_equal(arrays["test_images"], fake.arrays[2][:2])


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:99] + b"?" + b[100:]])
def test_a_damaged_embedded_file(damage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = resources.files("qkan.data") / "files" / mnist_module.EMBEDDED_FILE
    (tmp_path / "files").mkdir()
    copy = tmp_path / "files" / mnist_module.EMBEDDED_FILE
    monkeypatch.setattr(mnist_module.resources, "files", lambda package: tmp_path)
    with pytest.raises(UsageError, match=r"cannot be read.*install hybrid-qkan again"):
        mnist()
    copy.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UsageError, match=r"damaged.*install hybrid-qkan again"):
        mnist()
