"""Bases that cannot be used or trusted: refused before any of their code or weights counts."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer


@pytest.fixture
def base(tmp_path, gpt2_folder):
    """Return a copy of the base, to spoil."""
    return shutil.copytree(gpt2_folder, tmp_path / "base")


@pytest.fixture
def refuse(refused, films):
    """Return a function that trains on a base which must be refused."""
    return lambda base: refused(
        "train", films / "films.yaml", f"base={base}", "data.dir=null", "name=run"
    )


@pytest.fixture(autouse=True)
def _recipe(film_recipe):
    """Write the recipe that these tests change."""


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_weights_as_pickles_alone_are_refused(refuse, base):
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    found = refuse(base)
    assert (found.exit_code, found.code) == (6, "MODEL-FORMAT")
    assert "pytorch_model.bin" in found.headline
    assert "convert it first" in found.fix


def test_no_weights_are_refused(refuse, base):
    (base / "model.safetensors").unlink()
    found = refuse(base)
    assert (found.exit_code, found.code) == (8, "MODEL-FORMAT")


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "fields",
    [
        {"auto_map": {"AutoModel": "evil.py--Model"}},
        {"text_config": {"auto_map": {"AutoModel": "evil.Model"}}},
        {"_attn_implementation": "owner/kernel"},
        {"trust_remote_code": True},
    ],
)
def test_a_configuration_that_would_run_code_is_refused(refuse, base, file, fields):
    change(base / file, **fields)
    found = refuse(base)
    assert (found.exit_code, found.code) == (6, "SEC-CODE")
    assert file in found.headline


def test_an_architecture_that_transformers_does_not_know_is_refused(refuse, base):
    change(base / "config.json", model_type="novel")
    found = refuse(base)
    assert (found.exit_code, found.code) == (8, "MODEL-ARCH")


def test_a_tokenizer_with_more_ids_than_the_model_has_rows_is_refused(refuse, base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens(["one", "more"])
    tokenizer.save_pretrained(base)
    found = refuse(base)
    assert (found.exit_code, found.code) == (8, "MODEL-VOCAB")
    assert "the tokenizer has 322 ids, the model 320" in found.headline


def cut(data, _length):
    return data[: len(data) // 2]


def long_header(data, _length):
    return (101_000_000).to_bytes(8, "little") + data[8:]


def hole(data, length):
    header = data[8 : 8 + length] + b" " * 8
    return len(header).to_bytes(8, "little") + header + bytes(16) + data[8 + length :]


def key_twice(data, length):
    header = data[8 : 8 + length].rstrip()
    first_entry = header[1:].split(b"},")[0] + b"}"
    header = header[:-1] + b"," + first_entry + b"}"
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def not_json(data, _length):
    return data[:8] + b"[" + data[9:]


def nothing(_data, _length):
    return b""


@pytest.mark.parametrize("spoil", [cut, long_header, hole, key_twice, not_json, nothing])
def test_weights_that_break_the_format_are_refused(refuse, base, spoil):
    path = base / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(spoil(data, int.from_bytes(data[:8], "little")))
    found = refuse(base)
    assert (found.exit_code, found.code) == (8, "MODEL-FORMAT")
    assert "not a valid safetensors file (" in found.headline
    assert "model.safetensors" in found.headline


def test_weights_that_are_incomplete_are_refused(refuse, base):
    path = base / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in sorted(tensors) if "attn" in name)
    tensors.pop(name)
    save_file(tensors, path, metadata={"format": "pt"})
    found = refuse(base)
    assert (found.exit_code, found.code) == (8, "MODEL-FORMAT")
    assert "1 of its weights are missing, the first is h.0.attn" in found.headline


@pytest.mark.parametrize(
    ("name", "exit_code", "code"),
    [
        ("./nowhere", 8, "MODEL-FOLDER"),
        ("/nowhere/at/all", 8, "MODEL-FOLDER"),
        ("not a name", 2, "CFG-TYPE"),
        ("owner/of-the-hub", 5, "RES-NETWORK"),
    ],
)
def test_a_base_that_is_not_there_is_refused(refuse, name, exit_code, code):
    found = refuse(name)
    assert (found.exit_code, found.code) == (exit_code, code)
    assert name in found.headline
