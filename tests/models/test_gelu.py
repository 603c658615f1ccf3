"""GPT-2's activation: transformers' own, value and slope, whatever the number format."""

import pytest
import torch
from transformers import AutoModel
from transformers.activations import NewGELUActivation

from loratory.models.gelu import Gelu, to_few_passes
from loratory.models.load import load_base


def numbers(dtype, shape=(7, 33)):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(shape, generator=generator) * 4).to(dtype)


def with_slope(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    y.backward(numbers(y.dtype, y.shape).flip(-1))
    return y.detach(), x.grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_value_and_slope_are_transformers_in_float64(dtype):
    x = numbers(dtype)
    expected = with_slope(NewGELUActivation(), x.double())
    # torch's own tolerances for this format; values reach 15.
    for found, exact in zip(with_slope(Gelu(), x), expected, strict=True):
        close = {"rtol": 1.6e-2, "atol": 0.1} if dtype == torch.bfloat16 else {}
        wanted = exact.to(dtype)
        torch.testing.assert_close(found, wanted, **close or {"rtol": 1e-5, "atol": 1e-5})


def test_without_a_gradient_it_is_the_same_and_leaves_its_input():
    x = numbers(torch.float32)
    before, learning = x.clone(), Gelu()(x.clone().requires_grad_()).detach()
    assert torch.equal(Gelu()(x), learning)
    with torch.inference_mode():
        assert torch.equal(Gelu()(x), learning)
    assert torch.equal(x, before)


def test_far_from_nought_it_is_nought_or_the_number_itself():
    far = torch.tensor([[-1e30, -60.0, 0.0, 60.0, 1e30]])
    assert Gelu()(far).tolist() == [[0.0, 0.0, 0.0, 60.0, torch.tensor(1e30).item()]]


def test_gpt2_has_no_other_left(gpt2_folder):
    network = load_base(str(gpt2_folder)).network
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(Gelu) == 2
    assert NewGELUActivation not in kinds


def test_a_network_with_another_activation_stays_as_it_is(llama_folder):
    model = AutoModel.from_pretrained(llama_folder)
    before = dict(model.named_modules())
    to_few_passes(model)
    assert dict(model.named_modules()) == before
