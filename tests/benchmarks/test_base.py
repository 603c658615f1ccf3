"""The base: one that is named, a GPT-2 of the small size, or the first blocks of SmolLM2."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.base import GPT2_SMALL, SMOLLM2_TEN, base_folder
from loratory.models.smollm2 import smollm2_folder


def test_a_base_that_is_named_is_taken(tmp_path):
    assert base_folder("some/base", tmp_path) == "some/base"
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.network
def test_the_random_one_has_the_small_size_and_no_dropout(tmp_path):
    folder = Path(base_folder(GPT2_SMALL, tmp_path))
    config = json.loads((folder / "config.json").read_text())
    sizes = {"n_layer": 12, "n_embd": 768, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
    assert {key: config[key] for key in sizes} == sizes
    assert {config[f"{part}_pdrop"] for part in ("attn", "embd", "resid")} == {0.0}


@pytest.mark.slow
@pytest.mark.network
def test_the_first_blocks_of_smollm2_have_its_weights(tmp_path):
    folder = Path(base_folder(SMOLLM2_TEN, tmp_path))
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 10
    ours, whole = (load_file(part / "model.safetensors") for part in (folder, smollm2_folder()))
    assert not any(".layers.10." in name for name in ours)
    for name in ("model.embed_tokens.weight", "model.layers.9.mlp.up_proj.weight"):
        assert torch.equal(ours[name], whole[name])
