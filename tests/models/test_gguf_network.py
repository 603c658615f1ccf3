"""GGUF files opened: the network computes what it did, and a damaged file is refused."""

import hashlib

import pytest
import torch

from loratory.errors import ModelError, RunError
from loratory.export.gguf_file import write_gguf
from loratory.methods.transformers_folder import save_config
from loratory.models.gguf_network import FILE, load_gguf, read_gguf
from loratory.models.load import load_base
from loratory.models.network import probe_batch


def digest(folder):
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def written(base, folder):
    write_gguf(base, folder / FILE, name="small", begin=(0,))
    save_config(base, base.network.config, folder)
    return folder


def test_the_network_computes_what_it_did(base_folder, tmp_path, capfd):
    base = load_base(str(base_folder), language_head=True)
    found = load_gguf(written(base, tmp_path), digest(tmp_path))
    batch = probe_batch(base.network)
    ours, theirs = (each.network.logits(each.network(batch)) for each in (base, found))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=0)
    assert found.digest == digest(tmp_path)
    assert capfd.readouterr().err == ""


def test_another_file_is_refused_before_it_is_read(llama_folder, tmp_path):
    base = load_base(str(llama_folder), language_head=True)
    written(base, tmp_path)
    with pytest.raises(RunError) as refused:
        load_gguf(tmp_path, "0" * 64)
    assert refused.value.code == "CKPT-BAD"
    (tmp_path / FILE).unlink()
    with pytest.raises(RunError, match="no file"):
        load_gguf(tmp_path, "0" * 64)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all, but text" * 9])
def test_what_is_no_gguf_file_is_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ModelError) as refused:
        read_gguf(tmp_path)
    assert refused.value.code == "MODEL-FORMAT"


def test_a_file_without_one_of_its_weights_is_refused(llama_folder, tmp_path):
    base = load_base(str(llama_folder), language_head=True)
    base.network.model.layers[1].mlp.gate_proj.weight = None
    written(base, tmp_path)
    with pytest.raises(ModelError, match=r"lacks model\.layers\.1\.mlp\.gate_proj\.weight"):
        read_gguf(tmp_path)
