import pytest
import torch

from qkan.layers.scipy_activation import SciPyActivation
from qkan.models import SciPyKAN, TableKAN, load


def generator():
    return torch.Generator().manual_seed(0)


def test_the_scipy_kan_is_dense_layers_around_one_spline():
    model = SciPyKAN([4, 5, 6, 3], generator=generator())
    splines = {module for module in model.modules() if isinstance(module, SciPyActivation)}
    assert len(splines) == 1
    x = torch.randn(7, 4, generator=generator())
    (spline,) = splines
    y = x
    for dense in (model[0], model[2], model[4]):
        y = dense(y if y is x else spline(y))
    torch.testing.assert_close(model(x), y)


def test_the_scipy_kan_trains_its_dense_layers_alone():
    model = SciPyKAN([784, 128, 10], generator=generator())
    assert model.num_parameters == 784 * 128 + 128 + 128 * 10 + 10
    model(torch.rand(2, 784, generator=generator())).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_no_gradient_passes_a_table():
    model = TableKAN([6, 5, 4, 3], generator=generator())
    model(torch.randn(9, 6, generator=generator())).square().sum().backward()
    trained = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert trained == {
        "1.coefficients",
        "1.batch_norm.weight",
        "1.batch_norm.bias",
        "2.weight",
        "2.bias",
    }


@pytest.mark.parametrize("kind", [SciPyKAN, TableKAN])
def test_they_are_saved_whole(kind, tmp_path):
    model = kind([4, 6, 5, 3], generator=generator()).eval()
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors").eval()
    x = torch.randn(7, 4, generator=generator())
    assert type(again) is kind
    torch.testing.assert_close(again(x), model(x), rtol=0, atol=0)
