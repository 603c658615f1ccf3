"""Runs as GGUF files: transformers' reader of the file alone says what the run says."""

import json
import shutil

import pytest
import torch

from loratory.errors import ConfigError, ModelError, NumericsError, RunError
from loratory.export import gguf_run
from loratory.export.gguf_run import export_gguf
from loratory.inference.evaluate import evaluate_run
from loratory.inference.opened import open_model
from loratory.inference.tuned import load_run
from loratory.models.gguf_network import read_gguf, read_gguf_tokenizer
from loratory.tasks.tokens import beginning, token_ids

TEXTS = ["a quiet , lovely film", "dull", "thin and lifeless , far too long , far too cold"]


@pytest.fixture(scope="module")
def exported(run_of, gpt2_folder, llama_folder, tmp_path_factory):
    """Return a function from a layout and a task to the run and its folder, made once."""
    bases, made = {"gpt2": gpt2_folder, "llama": llama_folder}, {}

    def export(layout, name):
        if (layout, name) not in made:
            out = tmp_path_factory.mktemp("exported") / "folder"
            run = run_of(bases[layout], name)
            export_gguf(run, out, rows=9)
            made[layout, name] = run, out
        return made[layout, name]

    return export


WHOLE = [
    ("gpt2", "label_words"),
    ("llama", "text"),
    *(
        pytest.param(layout, name, marks=pytest.mark.slow)
        for layout, name in [
            ("gpt2", "text"),
            ("llama", "label_words"),
            ("gpt2", "written_qa"),
            ("llama", "written_qa"),
            ("gpt2", "preference"),
            ("llama", "word_problem"),
        ]
    ),
]


@pytest.mark.parametrize(("layout", "name"), WHOLE)
def test_the_file_says_what_the_run_says(exported, layout, name):
    run, folder = exported(layout, name)
    found = json.loads((folder / "certificate.json").read_text())
    assert found["max_logit_difference"] <= 2e-5 * max(1, found["largest_logit"])
    assert found["changed_predictions"] == (None if name == "text" else 0)
    assert found["read_by"].endswith("LMHeadModel" if layout == "gpt2" else "ForCausalLM")
    again = evaluate_run(folder, split="test")
    assert again.metrics == pytest.approx(evaluate_run(run, split="test").metrics, abs=1e-3)


def test_the_folder_predicts_as_the_run_does(exported):
    run, folder = exported("gpt2", "label_words")
    ours, theirs = (each.predict(TEXTS) for each in (load_run(run), open_model(folder)))
    assert [line.prediction for line in theirs] == [line.prediction for line in ours]
    for one, other in zip(ours, theirs, strict=True):
        assert other.scores == pytest.approx(one.scores, abs=1e-4)


def test_a_classifier_is_refused_and_told_where_to_go(film_run, tmp_path):
    with pytest.raises(ConfigError, match=r"CFG-EXPORT.*task classify.*\n.*--to onnx"):
        export_gguf(film_run, tmp_path / "out", rows=4)
    assert not [*tmp_path.iterdir()]


def test_a_base_that_llama_cpp_computes_otherwise_is_refused(exported, tmp_path, monkeypatch):
    run, _ = exported("llama", "text")
    monkeypatch.setattr(gguf_run, "why_no_gguf", lambda _: "its hidden_act is relu")
    with pytest.raises(ConfigError, match="its hidden_act is relu") as refused:
        export_gguf(run, tmp_path / "out", rows=4)
    assert (refused.value.code, "--to transformers" in refused.value.fix) == ("CFG-EXPORT", True)


@pytest.mark.slow
def test_biases_that_a_method_added_are_seen(run_of, llama_folder, tmp_path):
    added = {"method.kind": "bitfit", "method.missing_biases": "add"}
    with pytest.raises(ConfigError, match="its attention_bias is True"):
        export_gguf(run_of(llama_folder, "text", **added), tmp_path / "out", rows=4)


def test_what_computes_something_else_is_not_written(exported, tmp_path, monkeypatch):
    def spoilt(folder):
        model = read_gguf(folder)
        model.model.layers[0].self_attn.k_proj.weight.data.mul_(1.01)
        return model

    run, _ = exported("llama", "text")
    monkeypatch.setattr(gguf_run, "read_gguf", spoilt)
    with pytest.raises(NumericsError) as refused:
        export_gguf(run, tmp_path / "out", rows=4)
    assert refused.value.code == "NUM-EXPORT"
    assert not [*tmp_path.iterdir()]


def test_a_file_of_other_merges_is_not_written(exported, tmp_path, monkeypatch):
    def spoilt(folder):
        tokenizer = read_gguf_tokenizer(folder)
        whole = json.loads(tokenizer.backend_tokenizer.to_str())
        whole["model"]["merges"].reverse()
        tokenizer._tokenizer = tokenizer.backend_tokenizer.from_str(json.dumps(whole))
        return tokenizer

    run, _ = exported("llama", "text")
    monkeypatch.setattr(gguf_run, "read_gguf_tokenizer", spoilt)
    with pytest.raises(ModelError) as refused:
        export_gguf(run, tmp_path / "out", rows=4)
    assert refused.value.code == "MODEL-TOKENIZER"
    assert not [*tmp_path.iterdir()]


def test_a_file_that_is_not_the_one_exported_is_refused(exported, tmp_path):
    _, folder = exported("gpt2", "label_words")
    shutil.copytree(folder, tmp_path / "copy")
    with (tmp_path / "copy" / "model.gguf").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    with pytest.raises(RunError, match="sha256") as refused:
        open_model(tmp_path / "copy")
    assert refused.value.code == "CKPT-BAD"


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["gpt2", "llama"])
def test_llama_cpp_reads_the_same_tokens_and_writes_the_same(exported, layout):
    """`pip install llama-cpp-python` makes llama.cpp from its source, which takes minutes."""
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama.cpp is not installed")
    _, folder = exported(layout, "text")
    tuned, stock = open_model(folder), read_gguf(folder)
    model = llama_cpp.Llama(str(folder / "model.gguf"), n_ctx=64, verbose=False)
    tokenizer = tuned.base.tokenizer
    for text in (*TEXTS, "It's 1234,\n\n 5 times: naïve 東京 🚀  done  "):
        tokens = model.tokenize(text.encode())
        assert tokens == [*beginning(tokenizer, bos=True), *token_ids(tokenizer, [text])[0]]
        written = []
        for token, _ in zip(model.generate(tokens, temp=0.0), range(8), strict=False):
            read = torch.tensor([[*tokens, *written]])
            with torch.inference_mode():
                assert token == int(stock(input_ids=read).logits[0, -1].argmax())
            written.append(token)
