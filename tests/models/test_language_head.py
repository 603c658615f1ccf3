"""The language head: transformers' own scores, of its own matrix, or a refusal."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from loratory.errors import ModelError
from loratory.methods.make import make_method
from loratory.methods.targets import target_names
from loratory.models.load import load_base
from loratory.models.reading import of_texts
from loratory.recipe.schema import LoraMethod

PLAIN = ["bloom", "falcon", "gpt_neo", "gpt_neox", "mamba", "mistral", "mpt", "opt", "phi", "qwen2"]
CHANGED = {
    "gemma2": "final_logit_softcapping",
    "cohere": "logit_scale",
    "granite": "logits_scaling",
}
TEXTS = [[5, 7, 9], [11], [13, 300, 2, 8, 1, 40]]


@pytest.fixture
def folder(request, folder_of):
    if request.param in ("gpt2", "llama"):
        return request.getfixturevalue(f"{request.param}_folder")
    return folder_of(request.param)


@pytest.mark.parametrize("folder", ["gpt2", "llama", *PLAIN], indirect=True)
@torch.no_grad()
def test_the_scores_are_those_of_transformers(folder):
    network = load_base(str(folder), language_head=True).network
    stock = AutoModelForCausalLM.from_pretrained(folder).eval()
    found = network.logits(network(of_texts(TEXTS, "cpu")))
    expected = [stock(torch.tensor([text]), use_cache=False).logits[0] for text in TEXTS]
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("folder", CHANGED, indirect=True)
def test_a_base_that_changes_its_scores_is_refused(folder):
    with pytest.raises(ModelError) as caught:
        load_base(str(folder), language_head=True)
    error = caught.value
    assert (error.code, error.exit_code) == ("MODEL-ARCH", 8)
    assert error.at == str(folder / "config.json")
    assert "caps, scales or shifts its scores" in error.problem
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    assert CHANGED[kind] in error.got
    assert not load_base(str(folder)).network.language_head


def test_a_base_that_changes_its_states_before_the_matrix_is_refused(folder_of):
    with pytest.raises(ModelError, match=r"MODEL-ARCH.*caps, scales or shifts"):
        load_base(str(folder_of("electra")), language_head=True)


def test_a_scale_of_one_is_none(folder_of, tmp_path, set_field):
    shutil.copytree(folder_of("granite"), tmp_path, dirs_exist_ok=True)
    set_field(tmp_path / "config.json", logits_scaling=1.0)
    assert load_base(str(tmp_path), language_head=True).network.language_head


def test_a_tied_matrix_is_the_embedding_and_counts_once(gpt2_folder):
    plain, network = (load_base(str(gpt2_folder), language_head=on).network for on in (False, True))
    assert network.lm_head.weight is network.get_parameter("transformer.wte.weight")
    assert [n for n, _ in network.named_parameters()] == [n for n, _ in plain.named_parameters()]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_it_stays_tied_when_it_moves(gpt2_folder, dtype):
    network = load_base(str(gpt2_folder), language_head=True).network
    network.move(torch.device("cpu"), dtype)
    assert network.lm_head.weight is network.get_parameter("transformer.wte.weight")
    assert network.lm_head.weight.dtype == dtype


def test_an_untied_matrix_is_the_folders_own(llama_folder):
    plain, network = (
        load_base(str(llama_folder), language_head=on).network for on in (False, True)
    )
    stored = load_file(llama_folder / "model.safetensors")["lm_head.weight"]
    assert torch.equal(network.lm_head.weight, stored)
    counts = [sum(p.numel() for p in n.parameters()) for n in (plain, network)]
    assert counts[1] - counts[0] == stored.numel()
    assert [n for n, _ in network.named_parameters()][-1] == "lm_head.weight"


def test_a_bias_is_added(folder_of):
    network = load_base(str(folder_of("phi")), language_head=True).network
    assert network.lm_head.bias.abs().max() > 0
    hidden = torch.zeros(1, 16)
    torch.testing.assert_close(network.logits(hidden)[0], network.lm_head.bias)


def test_it_is_called_as_transformers_calls_it(folder_of):
    for kind in ("gpt_neox", "mistral"):
        stock = AutoModelForCausalLM.from_pretrained(folder_of(kind))
        network = load_base(str(folder_of(kind)), language_head=True).network
        found = {name for name, _ in network.named_parameters()}
        assert found == {name for name, _ in stock.named_parameters()}


def test_a_matrix_that_should_be_there_and_is_not_is_missed(llama_folder, tmp_path):
    shutil.copytree(llama_folder, tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"MODEL-FORMAT.*missing.*lm_head\.weight"):
        load_base(str(tmp_path), language_head=True)
    load_base(str(tmp_path))


def test_a_matrix_of_another_shape_is_refused(llama_folder, tmp_path):
    shutil.copytree(llama_folder, tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    weights["lm_head.weight"] = torch.zeros(9, 16)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"MODEL-FORMAT.*lm_head\.weight.*got \[9, 16\]"):
        load_base(str(tmp_path), language_head=True)


def test_a_way_to_generate_that_came_along_is_neither_run_nor_asked_about(gpt2_folder, tmp_path):
    shutil.copytree(gpt2_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "custom_generate").mkdir()
    code = "raise SystemExit('this code was run')\n"
    (tmp_path / "custom_generate" / "generate.py").write_text(code)
    (tmp_path / "generation_config.json").write_text('{"cache_implementation": "none such"}')
    network = load_base(str(tmp_path), language_head=True).network
    assert network.language_head == "lm_head"


def test_without_it_there_are_no_scores(base_folder):
    network = load_base(str(base_folder)).network
    assert network.language_head is None
    with pytest.raises(TypeError, match="without its language head"):
        network.logits(torch.zeros(1, 16))


def test_lora_leaves_it_alone(base_folder):
    base = load_base(str(base_folder), language_head=True)
    network = base.network
    assert not any("lm_head" in name for name in target_names(network, "all-linear"))
    make_method(LoraMethod(r=2)).apply(base, torch.Generator().manual_seed(0))
    assert not network.lm_head.weight.requires_grad
    assert type(network.lm_head) is torch.nn.Linear


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_scores_are_float32_at_least_and_computed_in_the_weights_format(base_folder, dtype):
    network = load_base(str(base_folder), dtype=dtype, language_head=True).network
    hidden = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    found = network.logits(hidden)
    assert found.dtype == torch.promote_types(dtype, torch.float32)
    expected = F.linear(hidden.to(dtype), network.lm_head.weight)
    torch.testing.assert_close(found, expected.to(found.dtype))


@pytest.mark.parametrize("trains", [False, True])
def test_the_gradient_reaches_the_hidden_states(base_folder, trains):
    network = load_base(str(base_folder), language_head=True).network
    network.lm_head.requires_grad_(trains)
    hidden = torch.randn(3, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    network.logits(hidden).logsumexp(-1).sum().backward()
    expected = hidden.detach().requires_grad_()
    (expected @ network.lm_head.weight.T).logsumexp(-1).sum().backward()
    torch.testing.assert_close(hidden.grad, expected.grad)
    assert (network.lm_head.weight.grad is not None) == trains


def test_no_positions_have_no_scores(base_folder):
    network = load_base(str(base_folder), language_head=True).network
    assert network.logits(torch.zeros(0, 16)).shape == (0, 320)
