"""Data here, layers there: torch's fake tensors tell where everything would be computed."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from qkan.models.base import Chain
from qkan.training.data import Tensors
from qkan.training.losses import Loss, device_of


class Net(Chain):
    def __init__(self, *places):
        sizes = ((3, 5), (5, 5), (5, 2))
        super().__init__(
            *(nn.Linear(*size, device=place) for size, place in zip(sizes, places, strict=True))
        )


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("data", [("cpu", "cpu"), ("cuda", "cpu"), ("cpu", "cuda")])
@pytest.mark.parametrize(
    "places", [("cpu", "cuda", "cpu"), ("cuda", "cpu", "cuda"), ("cuda", "cuda", "cpu")]
)
def test_values_flow_from_device_to_device(loss, data, places):
    with FakeTensorMode():
        model = Net(*places)
        x = torch.rand(6, 3, device=data[0])
        shape = {"size": (6, 2)} if loss == "mse" else {"size": (6,), "dtype": torch.long}
        y = torch.zeros(**shape, device=data[1])
        weights = torch.ones(6, device=data[1])
        objective = Loss(loss)
        for x_batch, y_batch, w in Tensors(x, y, weights).batches(4, torch.Generator()):
            outputs = model(x_batch.to(device_of(model)))
            assert outputs.device.type == places[-1]
            value = objective(outputs, objective.prepare(outputs, y_batch), w)
            assert value.device.type == places[-1]
        with pytest.raises(RuntimeError, match="device"):
            nn.Sequential(*model)(x.to(device_of(model)))
