"""The folder of whole numbers: packed as compressed-tensors packs, and read by transformers."""

import pytest
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from loratory.errors import ModelError
from loratory.methods.quantised_folder import (
    OWN,
    STOCK,
    load_quantised,
    pack,
    save_quantised,
    unpack,
)
from loratory.methods.rounded import layers_to_round, round_layers
from loratory.models.load import load_base
from loratory.models.network import probe_batch
from loratory.models.reading import of_texts
from loratory.recipe.quantization import Int4Quantization, Int8Quantization

SECTIONS = [
    Int8Quantization(),
    Int8Quantization(activations="none"),
    Int4Quantization(group_size=8),
    Int4Quantization(group_size=4, activations="int8", skip_modules=("mlp.c_proj", "down_proj")),
]
TEXT = [5, 17, 200, 3, 3, 41]


@given(bits=st.sampled_from([4, 8]), rows=st.integers(1, 4), inputs=st.integers(1, 20))
def test_numbers_are_packed_as_compressed_tensors_packs_them(bits, rows, inputs):
    generator = torch.Generator().manual_seed(inputs)
    most = 2 ** (bits - 1)
    whole = torch.randint(-most, most, (rows, inputs), generator=generator).to(torch.int8)
    packed = pack(whole, bits)
    assert torch.equal(packed, pack_to_int32(whole, bits))
    assert torch.equal(unpack(packed, bits, inputs), whole)
    assert torch.equal(unpack_from_int32(packed, bits, torch.Size([rows, inputs])), whole)


def of_base(section, folder):
    """Return the section with those names alone that layers of the base have."""
    ending = "c_proj" if "gpt2" in str(folder) else "down_proj"
    names = tuple(name for name in section.skip_modules if name.endswith(ending))
    return section.model_copy(update={"skip_modules": names})


def written(folder, section, out, *, language_head=True):
    base = load_base(str(folder), language_head=language_head)
    save_quantised(base, tuple(layers_to_round(base.network, section)), section, out)
    return base


@pytest.mark.parametrize("section", SECTIONS, ids=repr)
def test_read_back_it_computes_what_the_rounded_network_does(base_folder, section, tmp_path):
    section = of_base(section, base_folder)
    base = written(base_folder, section, tmp_path / "small")
    read, tensors = load_quantised(tmp_path / "small", section, language_head=True)
    assert not any("weight_" in name for name in tensors)
    round_layers(base.network, section)
    with torch.inference_mode():
        hidden = [one.network(probe_batch(one.network)) for one in (base, read)]
        torch.testing.assert_close(hidden[1], hidden[0], rtol=0, atol=2e-2)
        scores = [one.network.logits(hidden[0]) for one in (base, read)]
    torch.testing.assert_close(scores[1], scores[0])


@pytest.mark.parametrize("section", SECTIONS, ids=repr)
def test_transformers_reads_it_with_compressed_tensors(llama_folder, section, tmp_path):
    section = of_base(section, llama_folder)
    base = written(llama_folder, section, tmp_path / "small")
    model, info = AutoModelForCausalLM.from_pretrained(
        tmp_path / "small", output_loading_info=True, dtype=torch.float32
    )
    assert not info["missing_keys"]
    round_layers(base.network, section)
    with torch.no_grad():
        ours = base.network.logits(base.network(of_texts([TEXT], "cpu")))
        theirs = model(input_ids=torch.tensor([TEXT])).logits[0]
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)


def test_stock_classes_find_no_weights_where_they_would_draw_them(gpt2_folder, tmp_path):
    written(gpt2_folder, Int8Quantization(), tmp_path / "small")
    assert (tmp_path / "small" / OWN).is_file()
    assert not (tmp_path / "small" / STOCK).exists()
    with pytest.raises(OSError, match=r"model\.safetensors"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "small")


def test_a_packed_weight_takes_a_part_of_a_float(llama_folder, tmp_path):
    sizes = {}
    for section in (Int8Quantization(), Int4Quantization(group_size=8)):
        base = written(llama_folder, section, tmp_path / section.kind)
        sizes[section.kind] = (tmp_path / section.kind / STOCK).stat().st_size
    layers = layers_to_round(base.network, Int8Quantization()).values()
    weights = sum(layer.weight.numel() for layer in layers)
    outputs = sum(layer.out_features for layer in layers)
    groups = sum(layer.weight.numel() // 8 for layer in layers)
    saved = weights / 2 + 4 * outputs - 4 * groups
    assert abs(sizes["int8"] - sizes["int4"] - saved) < 200


def test_a_quantised_folder_is_no_base_to_tune(llama_folder, tmp_path):
    written(llama_folder, Int8Quantization(), tmp_path / "small")
    with pytest.raises(ModelError) as refused:
        load_base(str(tmp_path / "small"))
    assert refused.value.code == "MODEL-QUANT"
