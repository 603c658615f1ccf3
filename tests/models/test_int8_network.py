"""Networks with int8 layers: near the float32 ones, the layers' formulas followed, every method."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaModel

from loratory import pipeline
from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.errors import RunInterruptedError
from loratory.inference.tuned import load_run
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.int8 import multiplies_exactly
from loratory.models.int8_linear import Int8Linear
from loratory.models.int8_network import to_int8
from loratory.models.load import load_base
from loratory.models.network import Network
from loratory.recipe.load import load_recipe
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


def read(network):
    """Return the hidden states that the batch asks for."""
    given = batch()
    return network(given)[given.read_at]


def loaded(folder, *, int8, method=None, language_head=False):
    """Return a base with a method and a head for two classes, all that trains stirred."""
    base, generator = load_base(str(folder), language_head=language_head), torch.Generator()
    if int8:
        to_int8(base.network)
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


def as_read(x, matrix):
    """Return inputs as they are multiplied, `before` and all."""
    balanced = x * matrix.before
    first = rounded(balanced)
    return first + rounded(balanced - first) if matrix.twice else first


def layers(network, kind):
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, kind)}


def cosine(one, other):
    return F.cosine_similarity(one.flatten(), other.flatten(), 0)


def gradient(network):
    """Return the gradient of all that trains, for the loss of the batch, as one vector."""
    logits = network.score(read(network))
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


@pytest.mark.parametrize("most", [0.0, 0.01, 1.0])
def test_the_network_computes_what_rounded_weights_and_rounded_inputs_make(
    base_folder, most, monkeypatch
):
    """Inputs are rounded in two parts where one would cost more than `most`."""
    monkeypatch.setattr("loratory.models.int8_network._TOO_MUCH", most)
    plain, found = (loaded(base_folder, int8=int8) for int8 in (False, True))
    for name, layer in layers(plain, nn.Linear).items():
        matrix = found.get_submodule(name).matrix
        layer.weight.data = rounded(layer.weight.data / matrix.before)
        layer.register_forward_pre_hook(lambda _, inputs, m=matrix: (as_read(inputs[0], m),))
    torch.testing.assert_close(read(found), read(plain), rtol=1e-4, atol=1e-4)
    twice = {layer.matrix.twice for layer in layers(found, Int8Linear).values()}
    assert twice <= {most < 1} or most == 0.01


def test_layers_are_made_for_the_inputs_they_will_have(base_folder):
    """One hidden number is made hundreds of times larger, and all that read it so much smaller."""
    exact, found = (load_base(str(base_folder)).network for _ in range(2))
    ends = ("ln_1", "ln_2", "input_layernorm", "post_attention_layernorm")
    reading = ("c_attn", "c_fc", "q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
    for network in (exact, found):
        for name, module in network.named_modules():
            if name.endswith(ends):
                for parameter in module.parameters():
                    parameter.data[3] *= 500
            elif name.endswith(reading):
                module.weight.data[:, 3] /= 500
    to_int8(found)
    assert cosine(read(found), read(exact)) > 0.99
    for name, layer in layers(found, Int8Linear).items():
        if name.endswith(reading):
            assert layer.matrix.before.argmin() == 3


@pytest.mark.parametrize("kind", METHODS)
def test_every_method_stands_on_int8_layers_and_learns_the_same_way(base_folder, kind):
    exact = loaded(base_folder, int8=False, method=METHODS[kind])
    found = loaded(base_folder, int8=True, method=METHODS[kind])
    assert layers(found, Int8Linear)
    assert trained_parameters(found).keys() == trained_parameters(exact).keys()
    for name, parameter in trained_parameters(exact).items():
        trained_parameters(found)[name].data.copy_(parameter.data)
    assert cosine(read(found), read(exact)) > 0.99
    assert cosine(gradient(found), gradient(exact)) > 0.99


def test_what_the_flat_network_can_do_it_still_can():
    """Though two ways to compute one thing are not as near to each other any more.

    For some numbers to be rounded to the other side the network cannot be tiny.
    """
    torch.manual_seed(0)
    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=320, num_hidden_layers=12, initializer_range=0.1, **sizes)
    network = Network(LlamaModel(config).requires_grad_(requires_grad=False).eval())
    assert network.flat
    to_int8(network)
    assert network.shares
    assert network.keeps_past


def test_the_weights_file_is_let_go(llama_folder):
    """Nothing that is left is a view of what the file was mapped to."""
    base = load_base(str(llama_folder))
    before = {parameter.untyped_storage().data_ptr() for parameter in base.network.parameters()}
    to_int8(base.network)
    after = {parameter.untyped_storage().data_ptr() for parameter in base.network.parameters()}
    assert after
    assert not before & after


def test_a_network_without_numbers_has_let_its_weights_go(base_folder):
    network = loaded(base_folder, int8=True)
    network.to("meta")
    assert not any(hasattr(layer, "matrix") for layer in layers(network, Int8Linear).values())
    assert all(parameter.is_meta for parameter in network.parameters())


INT8 = {"training.precision": "int8"}


def trained(recipe, out, watch=lambda *_: None):
    return pipeline.train(load_recipe(recipe, {**INT8, "training.epochs": 1}), out=out, watch=watch)


def left(run):
    """Return the bytes of what a resumed run must have in common with a whole one."""
    parts = ("last", "best", "adapter", "predictions")
    paths = [path for part in parts for path in (run / part).rglob("*") if path.is_file()]
    assert len(paths) > 10
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(film_recipe, tmp_path):
    def stop(event, values):
        if event == "step" and values["step"] == 3:
            raise RunInterruptedError("TEST", "stopped", at="here", fix="go on")

    whole = trained(film_recipe, tmp_path / "whole").path
    with pytest.raises(RunInterruptedError):
        trained(film_recipe, tmp_path / "stopped", stop)
    assert left(pipeline.resume(tmp_path / "stopped").path) == left(whole)
    made_of = json.loads((whole / "environment.json").read_text())
    assert made_of["compute"]["precision"] == "int8"


def test_a_run_is_read_in_the_format_it_was_trained_in_or_in_another(
    film_recipe, film_run, tmp_path
):
    whole = trained(film_recipe, tmp_path / "whole").path
    lines = (whole / "predictions" / "test.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    texts = [row["text"] for row in rows]
    tuned = load_run(whole)
    assert layers(tuned.base.network, Int8Linear)
    for line, row in zip(tuned.predict(texts), rows, strict=True):
        assert line.scores == pytest.approx(row["scores"], rel=1e-3)
    assert not layers(
        load_run(whole, overrides={"training.precision": "float32"}).base.network, Int8Linear
    )
    exact, rough = load_run(film_run), load_run(film_run, overrides=INT8)
    assert layers(rough.base.network, Int8Linear)
    for one, other in zip(exact.predict(texts), rough.predict(texts), strict=True):
        assert other.scores == pytest.approx(one.scores, abs=0.1)
        assert other.scores != one.scores
