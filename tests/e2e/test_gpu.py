"""On a GPU: the same numbers as on the processor, and the same bytes after a kill."""

import copy

import pytest
import torch
from safetensors.torch import load_file

from loratory import pipeline
from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.inference.tuned import load_run
from loratory.methods.make import make_method
from loratory.models.load import load_base
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import LoraMethod

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

ROWS = [
    EncodedRow((tuple(range(start, start + length)),), (length - 1,), (0,))
    for start, length in ((5, 7), (40, 1), (90, 23), (17, 12))
]


def adapted(folder):
    """Return a network in float64 whose low-rank update is not zero."""
    base = load_base(str(folder))
    network = base.network
    generator = torch.Generator().manual_seed(0)
    make_method(LoraMethod(r=4)).apply(base, generator)
    for parameter in network.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.1, generator=generator)
    return network.double()


def outcome(network, device):
    """Return the hidden states of ROWS and the gradients of their mean square, on the CPU."""
    network = copy.deepcopy(network).to(device)
    hidden = network(flatten(ROWS, device))
    hidden.square().mean().backward()
    gradients = {n: p.grad.cpu() for n, p in network.named_parameters() if p.requires_grad}
    return hidden.detach().cpu(), gradients


def test_hidden_states_and_gradients_equal_those_of_the_processor(base_folder):
    network = adapted(base_folder)
    (here, here_gradients), (there, there_gradients) = (
        outcome(network, device) for device in ("cpu", "cuda")
    )
    # Norms and rotary tables are float32 in transformers' Llama, whatever the weights are.
    torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)
    assert here_gradients.keys() == there_gradients.keys()
    for name, gradient in here_gradients.items():
        torch.testing.assert_close(there_gradients[name], gradient, rtol=1e-4, atol=1e-6)


def on_gpu(recipe, precision="float32"):
    return load_recipe(recipe, {"training.device": "cuda", "training.precision": precision})


def weights(run):
    return load_file(run / "last" / "trained.safetensors")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_that_broke_off_goes_on_to_the_same_bits(film_recipe, tmp_path, precision):
    recipe = on_gpu(film_recipe, precision)
    whole = pipeline.train(recipe, out=tmp_path / "whole")
    seen = []

    def break_off(event, _values):
        seen.append(event)
        if seen.count("checkpoint") == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.train(recipe, out=tmp_path / "broken", watch=break_off)
    resumed = pipeline.resume(tmp_path / "broken")
    assert resumed.metrics == whole.metrics
    expected = weights(whole.path)
    for name, tensor in weights(resumed.path).items():
        assert tensor.equal(expected[name]), name


def test_it_learns_what_the_processor_learns(film_recipe, tmp_path):
    # Without dropout, whose draws differ between devices.
    overrides = {"training.device": "cuda", "method.lora_dropout": 0.0}
    there = pipeline.train(load_recipe(film_recipe, overrides), out=tmp_path / "there")
    overrides["training.device"] = "cpu"
    here = pipeline.train(load_recipe(film_recipe, overrides), out=tmp_path / "here")
    for name, tensor in weights(here.path).items():
        torch.testing.assert_close(weights(there.path)[name], tensor, rtol=1e-2, atol=1e-3)
    texts = ["a lovely film", "dull and cold"]
    for one, other in zip(
        load_run(here.path).predict(texts), load_run(there.path).predict(texts), strict=True
    ):
        assert one.prediction == other.prediction
        assert one.scores == pytest.approx(other.scores, abs=1e-2)
