"""The layers that methods usually adapt, by the names that architectures give them.

Behind the outputs of a block's two parts, attention and feed-forward, stand bottlenecks. IA3 scales
keys, values and what is inside the feed-forward part. The names are those of transformers' classes.
"""

from collections.abc import Sequence

from loratory.errors import ConfigError
from loratory.methods.targets import ends_in, last_parts, target_names
from loratory.models.network import Network

ATTENTION_OUTPUTS = (
    "attn.c_proj",  # gpt2, gpt_bigcode
    "self_attn.o_proj",  # llama, mistral, qwen2, gemma and many more
    "self_attn.out_proj",  # opt, xglm, biogpt
    "self_attn.dense",  # phi
    "self_attention.dense",  # bloom, falcon
    "attention.dense",  # gpt_neox
    "attention.out_proj",  # gpt_neo
    "attn.out_proj",  # gptj, codegen, mpt
)
FEED_FORWARD_OUTPUTS = (
    "mlp.c_proj",  # gpt2, gpt_bigcode, gpt_neo, starcoder2
    "mlp.down_proj",  # llama, mistral, qwen2, gemma and many more
    "mlp.dense_4h_to_h",  # bloom, falcon, gpt_neox
    "mlp.fc_out",  # gptj, codegen
    "ffn.down_proj",  # mpt
    "fc2",  # opt, xglm, biogpt, phi
)
# The first of which a network has all; the first two are queries, keys and values in one.
_KEYS_AND_VALUES = (("c_attn",), ("query_key_value",), ("k_proj", "v_proj"))
# What PEFT scales there by default. So do we, that one IA3 is the same in both.
_PEFTS_CHOICE = {
    "opt": ("q_proj", "k_proj"),
    **dict.fromkeys(
        ("gptj", "gpt_neo", "phi", "gemma", "gemma2", "gemma3_text", "qwen2", "qwen3"),
        ("q_proj", "v_proj"),
    ),
}


def outputs_of(network: Network, *parts: Sequence[str]) -> list[str]:
    """Return the layers whose names end as each of `parts` says, in the network's order.

    `parts` are `ATTENTION_OUTPUTS`, `FEED_FORWARD_OUTPUTS` or both.

    Raises:
        ConfigError: no layer of a part has such a name.
    """
    linears = target_names(network, "all-linear")
    found = [[name for name in linears if _ends_in_any(name, part)] for part in parts]
    if not all(found):
        raise _not_known(network, linears)
    return [name for name in linears if any(name in names for names in found)]


def keys_values_and_feed_forward(network: Network) -> list[str]:
    """Return the layers that IA3 scales, in the network's order: PEFT's choice, if it has one.

    Raises:
        ConfigError: the layers' names say nothing of what they are.
    """
    linears = target_names(network, "all-linear")
    inner = outputs_of(network, FEED_FORWARD_OUTPUTS)
    usual = _PEFTS_CHOICE.get(network.config.model_type)
    for endings in (usual,) if usual else _KEYS_AND_VALUES:
        if all(any(ends_in(name, ending) for name in linears) for ending in endings):
            return [name for name in linears if name in inner or _ends_in_any(name, endings)]
    raise _not_known(network, linears)


def is_feed_forward_output(name: str) -> bool:
    """Tell whether a layer's name says that it is the last of a feed-forward part."""
    return _ends_in_any(name, FEED_FORWARD_OUTPUTS)


def _ends_in_any(name: str, endings: Sequence[str]) -> bool:
    return any(ends_in(name, ending) for ending in endings)


def _not_known(network: Network, linears: Sequence[str]) -> ConfigError:
    available = ", ".join(last_parts(linears))
    return ConfigError(
        "CFG-TARGET",
        "the layers' names do not say which of them the method usually adapts",
        at="method.target_modules",
        got=f"a base of type {network.config.model_type}",
        expected=f"some of {available}",
        fix=f"set method.target_modules to some of: {available}",
    )
