"""A merged network as one GGUF file: settings, tokens and weights under llama.cpp's names.

The names, and how weights lie, are those of llama.cpp's own converter (`convert_hf_to_gguf.py`),
which knows them from the package gguf. Layers are `[out, in]` there as they are here. Of Llama the
rows of the queries' and keys' weights stand in another order: transformers turns the first half of
a head against the second, llama.cpp neighbours.
"""

from pathlib import Path
from typing import Any

from gguf import MODEL_ARCH, GGUFWriter, LlamaFileType, get_tensor_name_map
from torch import Tensor

from loratory.export.gguf_tokens import add_tokens, split_name
from loratory.methods.transformers_folder import stock_name
from loratory.models.load import Base

_ARCHITECTURES = {"gpt2": MODEL_ARCH.GPT2, "llama": MODEL_ARCH.LLAMA}
# What llama.cpp and the reader take for granted, and other bases of the architecture may not do.
_TAKEN: dict[str, dict[str, tuple[Any, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
    },
    "llama": {"hidden_act": ("silu",), "attention_bias": (False,), "mlp_bias": (False,)},
}


def why_no_gguf(base: Base) -> str | None:
    """Return in words why the base cannot be written so; None: it can."""
    config = base.network.config
    kind = config.model_type
    if kind not in _ARCHITECTURES:
        return f"its architecture is {kind}, and only {' and '.join(_ARCHITECTURES)} can be checked"
    for name, taken in _TAKEN[kind].items():
        if (found := getattr(config, name)) not in taken:
            return f"its {name} is {found}, and llama.cpp's {kind} takes {taken[0]} for granted"
    if kind == "llama" and (turning := config.rope_parameters["rope_type"]) != "default":
        return f"its positions are scaled ({turning}), which cannot be checked"
    if split_name(base.tokenizer) is None:
        return "its tokenizer is no byte-level one that splits texts as GPT-2 or SmolLM2 does"
    return None


def write_gguf(base: Base, path: Path, *, name: str, begin: tuple[int, ...]) -> None:
    """Write a merged base in float32; `begin` is the token that stands before each text.

    `why_no_gguf` has nothing against the base.
    """
    network = base.network
    config = network.config
    kind = _ARCHITECTURES[config.model_type]
    writer = GGUFWriter(path, config.model_type)
    writer.add_name(name)
    writer.add_file_type(LlamaFileType.ALL_F32)
    _add_settings(writer, config)
    add_tokens(writer, base.tokenizer, rows=config.vocab_size, begin=begin)
    names = get_tensor_name_map(kind, config.num_hidden_layers)
    for own, weight in network.named_parameters():
        key = names.get_name(stock_name(network, own), try_suffixes=(".weight", ".bias"))
        if key is None:
            raise ValueError(f"llama.cpp has no name for {own}")
        writer.add_tensor(key, _in_order(own, weight.detach(), config).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_settings(writer: GGUFWriter, config: Any) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner or 4 * config.n_embd)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    for add in (writer.add_rope_dimension_count, writer.add_key_length, writer.add_value_length):
        add(config.head_dim)


def _in_order(name: str, weight: Tensor, config: Any) -> Tensor:
    """Return the weight with its rows as llama.cpp wants them."""
    layer = name.split(".")[-2]
    if layer not in ("q_proj", "k_proj"):
        return weight
    heads = config.num_attention_heads if layer == "q_proj" else config.num_key_value_heads
    halves = weight.view(heads, 2, -1, weight.shape[1])
    return halves.transpose(1, 2).reshape(weight.shape)
