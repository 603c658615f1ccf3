"""The adapter folder: PEFT reads ours, we read PEFT's, with equal logits; the rest is refused."""

import dataclasses
import json
import sys

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from loratory.errors import ModelError, NumericsError, SecurityError
from loratory.methods.peft_folder import load_adapter, save_adapter
from loratory.recipe.schema import LoraMethod

CLOSE = {"rtol": 0, "atol": 1e-5}
TARGETS = {
    "gpt2": {
        "all": "all-linear",
        "endings": ["c_attn", "mlp.c_proj"],
        "expression": r"transformer\.h\.1\..*c_(proj|fc)",
    },
    "llama": {
        "all": "all-linear",
        "endings": ["q_proj", "v_proj", "mlp.down_proj"],
        "expression": r"model\.layers\.1\..*(gate|up|o)_proj",
    },
}


@pytest.fixture
def layout(base_folder):
    return json.loads((base_folder / "config.json").read_text())["model_type"]


@pytest.fixture(params=["all", "endings", "expression"])
def targets(layout, request):
    return TARGETS[layout][request.param]


def save(network, folder, base, **settings):
    save_adapter(network, LoraMethod(**settings), folder, base=str(base), heads=("score",))


@pytest.fixture
def saved(network_of, stirred, base_folder, tmp_path):
    """Return an adapter folder, to be damaged."""
    folder = tmp_path / "adapter"
    save(stirred(network_of(base_folder)), folder, base_folder)
    return folder


@pytest.mark.parametrize("r", [1, 4, 8, 16])
def test_peft_loads_ours_with_equal_logits(
    r, targets, *, network_of, stirred, logits, base_folder, peft, tmp_path
):
    settings = {"r": r, "lora_alpha": 3.0 * r + 1, "target_modules": targets}
    network = stirred(network_of(base_folder, **settings))
    save(network, tmp_path, base_folder, **settings)
    found = peft.logits(peft.loaded(tmp_path))
    torch.testing.assert_close(found, logits(network), **CLOSE)


@pytest.mark.parametrize("r", [1, 4, 8, 16])
def test_we_load_pefts_with_equal_logits(
    r, targets, *, network_of, logits, base_folder, layout, peft, tmp_path
):
    settings = {"r": r, "lora_alpha": 3 * r + 1, "target_modules": targets}
    model = peft.trained(peft.made(**settings, fan_in_fan_out=layout == "gpt2"))
    model.save_pretrained(tmp_path)
    network = network_of(base_folder, **settings)
    load_adapter(network, LoraMethod(**settings), tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(logits(network), peft.logits(model), **CLOSE)
