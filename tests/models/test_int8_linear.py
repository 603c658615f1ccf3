"""Networks with int8 layers: near the float32 ones, the layers' formulas followed, every method."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.int8 import multiplies_exactly
from loratory.models.int8_linear import Int8Linear, frozen_weight, to_int8
from loratory.models.load import load_base
from loratory.recipe.schema import (
    BottleneckMethod,
    ClassifyTask,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    PrefixMethod,
    PromptMethod,
)
from loratory.tasks.make import make_task

pytestmark = pytest.mark.skipif(
    not multiplies_exactly(), reason="this processor has no exact product in int8"
)
METHODS = {
    "lora": LoraMethod(r=4),
    "dora": LoraMethod(r=4, use_dora=True),
    "pissa": LoraMethod(r=4, init_lora_weights="pissa"),
    "ia3": Ia3Method(),
    "bottleneck": BottleneckMethod(bottleneck_size=4),
    "prompt": PromptMethod(num_virtual_tokens=3),
    "prefix": PrefixMethod(num_virtual_tokens=3),
    "head": HeadMethod(),
}


def batch():
    generator = torch.Generator().manual_seed(3)
    texts = [torch.randint(319, (length,), generator=generator) for length in (7, 1, 30, 12)]
    rows = [EncodedRow((tuple(t.tolist()),), (len(t) - 1,), (n % 2,)) for n, t in enumerate(texts)]
    return flatten(rows)


def loaded(folder, *, int8, method=None, language_head=False):
    """Return a base with a method and a head for two classes, all that trains stirred."""
    base, generator = load_base(str(folder), language_head=language_head), torch.Generator()
    if int8:
        to_int8(base.network, base.network.prefix)
    if method is not None:
        make_method(method).apply(base, generator)
        section = ClassifyTask(labels=("negative", "positive"))
        task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
        task.attach(base.network, generator)
        for parameter in trained_parameters(base.network).values():
            noise = torch.randn(parameter.shape, generator=generator.manual_seed(5))
            parameter.data.add_(noise * 0.1)
    return base.network.eval()


def rounded(rows):
    """Return rows as int8 with one scale each would hold them."""
    scale = rows.abs().amax(-1, keepdim=True).clamp(min=1e-30) / 127
    return (rows / scale).round() * scale


def layers(network, kind):
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, kind)}


def cosine(one, other):
    return F.cosine_similarity(one.flatten(), other.flatten(), 0)


def gradient(network):
    """Return the gradient of all that trains, for the loss of the batch, as one vector."""
    given = batch()
    logits = network.score(network(given)[given.read_at])
    F.cross_entropy(logits, torch.tensor([0, 1, 0, 1])).backward()
    found = trained_parameters(network)
    assert all(parameter.grad is not None for parameter in found.values())
    return torch.cat([parameter.grad.flatten() for parameter in found.values()])


def test_the_backbones_linear_layers_are_int8_and_its_head_is_not(base_folder):
    network = loaded(base_folder, int8=True, language_head=True)
    plain = loaded(base_folder, int8=False, language_head=True)
    linear = layers(plain, nn.Linear)
    heads = {name for name in linear if not name.startswith(f"{plain.prefix}.")}
    assert len(heads) == 1
    assert layers(network, Int8Linear).keys() == linear.keys() - heads
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    # No weight is left beside the int8 ones.
    gone = {f"{name}.weight" for name in linear.keys() - heads}
    left = {name for name, _ in plain.named_parameters()} - gone
    assert {name for name, _ in network.named_parameters()} == left


def test_the_network_computes_what_rounded_weights_and_rounded_inputs_make(base_folder):
    plain = loaded(base_folder, int8=False)
    for layer in layers(plain, nn.Linear).values():
        layer.weight.data = rounded(layer.weight.data)
        layer.register_forward_pre_hook(lambda _, inputs: (rounded(inputs[0]),))
    found = loaded(base_folder, int8=True)(batch())
    torch.testing.assert_close(found, plain(batch()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(16,), (3, 16), (2, 3, 16)])
def test_a_layer_takes_what_a_linear_layer_takes(shape):
    layer = nn.Linear(16, 24)
    x = torch.randn(shape)
    found = Int8Linear(layer)(x)
    assert found.shape == layer(x).shape
    assert cosine(found, layer(x)) > 0.999


@pytest.mark.parametrize("kind", METHODS)
def test_every_method_stands_on_int8_layers_and_learns_the_same_way(base_folder, kind):
    exact = loaded(base_folder, int8=False, method=METHODS[kind])
    found = loaded(base_folder, int8=True, method=METHODS[kind])
    assert layers(found, Int8Linear)
    assert trained_parameters(found).keys() == trained_parameters(exact).keys()
    for name, parameter in trained_parameters(exact).items():
        trained_parameters(found)[name].data.copy_(parameter.data)
    assert cosine(found(batch()), exact(batch())) > 0.99
    assert cosine(gradient(found), gradient(exact)) > 0.99


def test_a_layer_by_itself_passes_a_gradient_on_and_takes_none():
    layer, x = nn.Linear(16, 24).requires_grad_(requires_grad=False), torch.randn(9, 16)
    upstream, inputs = torch.randn(9, 24), (x.clone().requires_grad_(), x.clone().requires_grad_())
    rough = Int8Linear(layer)
    rough(inputs[0]).backward(upstream)
    layer(inputs[1]).backward(upstream)
    assert cosine(inputs[0].grad, inputs[1].grad) > 0.999
    assert not list(rough.parameters(recurse=False))[1:]  # the bias alone


def test_a_weight_that_is_asked_for_is_the_one_that_is_multiplied_with():
    layer = nn.Linear(16, 24)
    rough = Int8Linear(layer)
    assert frozen_weight(layer) is layer.weight
    assert frozen_weight(rough) is rough.matrix
    torch.testing.assert_close(rough.weight, rounded(layer.weight.detach()))


def test_what_the_flat_network_can_do_it_still_can(base_folder):
    """Though two ways to compute one thing are not as near to each other any more."""
    exact, found = (loaded(base_folder, int8=int8) for int8 in (False, True))
    assert found.shares == exact.shares
    assert found.keeps_past == exact.keeps_past
    assert found.shares
    assert found.keeps_past


def test_a_network_without_numbers_has_let_its_weights_go(base_folder):
    network = loaded(base_folder, int8=True)
    network.to("meta")
    assert not any(hasattr(layer, "matrix") for layer in layers(network, Int8Linear).values())
    assert all(parameter.is_meta for parameter in network.parameters())


def test_a_copied_layer_computes_the_same():
    rough, x = Int8Linear(nn.Linear(16, 24)), torch.randn(9, 16)
    assert copy.deepcopy(rough)(x).equal(rough(x))
