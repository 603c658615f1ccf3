"""Merging: what transformers and PEFT make of the folder, and what is refused and never written."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    pipeline,
)

from loratory.errors import ConfigError, DataError, RunError
from loratory.export import merge
from loratory.export.merge import merge_run
from loratory.inference.tuned import load_run
from loratory.models.load import load_base
from loratory.models.reading import of_texts
from loratory.runs.manifest import find_damage

CLOSE = {"rtol": 0, "atol": 2e-5}
STOCK = {
    "classify": AutoModelForSequenceClassification,
    "label_words": AutoModelForCausalLM,
    "span_qa": AutoModelForQuestionAnswering,
    "written_qa": AutoModelForCausalLM,
    "text": AutoModelForCausalLM,
}
TEXTS = ["a quiet , lovely film", "dull", "thin and lifeless , far too long , far too cold"]
TOKEN = "<|endoftext|>"
WEIGHTS = "model.safetensors"


def loaded(kind, folder, **settings):
    """Return a model of transformers' own, all of whose weights were in the folder."""
    model, info = kind.from_pretrained(folder, output_loading_info=True, **settings)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return model.eval()


@torch.no_grad()
def numbers(model, tokenizer):
    """Return all logits of the texts, each with the beginning, one text at a time."""
    found = [model(**tokenizer(TOKEN + text, return_tensors="pt")) for text in TEXTS]
    if "start_logits" in found[0]:
        return torch.cat([torch.stack([one.start_logits, one.end_logits], -1)[0] for one in found])
    return torch.cat([one.logits.flatten(0, -2) for one in found])


@pytest.mark.parametrize("name", STOCK)
def test_transformers_computes_what_peft_merges(run_of, base_folder, name, tmp_path):
    run, kind = run_of(base_folder, name), STOCK[name]
    merged = merge_run(run, tmp_path / "merged")
    settings = {"num_labels": 2} if name == "classify" else {}
    if name == "span_qa":  # its backbone is called so for Llama too
        settings = {"key_mapping": {r"^model\.": "transformer."}}
    base = kind.from_pretrained(base_folder, **settings)
    theirs = PeftModel.from_pretrained(base, run / "adapter").merge_and_unload().eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    ours = loaded(kind, tmp_path / "merged")
    torch.testing.assert_close(numbers(ours, tokenizer), numbers(theirs, tokenizer), **CLOSE)
    assert merged.certificate["transformers"]["class"] == type(ours).__name__
    assert type(ours).__name__ == ours.config.architectures[0]
    assert find_damage(tmp_path / "merged") is None


METHODS = {
    "dora": {"method.use_dora": True},
    "pissa": {"method.init_lora_weights": "pissa"},
    "biases": {"method.target_modules": r".*c_attn", "method.bias": "all"},
    "full": {"method.kind": "full"},
    "bitfit": {"method.kind": "bitfit"},
    "head": {"method.kind": "head"},
}


def require_same_classes(run, folder):
    """Compare transformers' probabilities of the folder with those of the run."""
    model, tokenizer = (
        loaded(AutoModelForSequenceClassification, folder),
        AutoTokenizer.from_pretrained(folder),
    )
    found = numbers(model, tokenizer).softmax(-1)
    expected = [list(line.scores.values()) for line in load_run(run).predict(TEXTS)]
    torch.testing.assert_close(found, torch.tensor(expected), **CLOSE)
    assert not torch.allclose(found, torch.full_like(found, 0.5), atol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_that_is_other_weights_merges(run_of, gpt2_folder, name, tmp_path):
    run = run_of(gpt2_folder, **METHODS[name])
    merge_run(run, tmp_path / "merged")
    require_same_classes(run, tmp_path / "merged")


def test_biases_that_were_added_are_read_by_transformers(run_of, llama_folder, tmp_path):
    run = run_of(llama_folder, **{"method.kind": "bitfit", "method.missing_biases": "add"})
    merge_run(run, tmp_path / "merged")
    config = AutoConfig.from_pretrained(tmp_path / "merged")
    assert config.attention_bias is config.mlp_bias is True
    assert load_file(tmp_path / "merged" / WEIGHTS)["model.layers.1.mlp.up_proj.bias"].any()
    require_same_classes(run, tmp_path / "merged")


@pytest.mark.parametrize("kind", ["bottleneck", "prompt", "prefix"])
def test_what_is_more_than_other_weights_is_refused_before_any_row_is_read(
    run_of, gpt2_folder, kind, tmp_path, monkeypatch
):
    run = run_of(gpt2_folder, **{"method.kind": kind})
    monkeypatch.setattr(merge, "given_rows", lambda _: pytest.fail("rows were read"))
    with pytest.raises(ConfigError, match=f"CFG-MERGE.*{kind}"):
        merge_run(run, tmp_path / "merged")
    assert not [*tmp_path.iterdir()]


def tied(folder, target, *, tie):
    """Return the base, or one like it, whose output matrix is its embedding, or is not."""
    if AutoConfig.from_pretrained(folder).tie_word_embeddings is tie:
        return folder
    shutil.copytree(folder, target)
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder, tie_word_embeddings=tie)
    AutoModelForCausalLM.from_config(config).save_pretrained(target)
    return target


@pytest.mark.parametrize("tie", [True, False])
def test_tied_embeddings_stay_tied_and_others_apart(run_of, base_folder, tie, tmp_path):
    base = tied(base_folder, tmp_path / "base", tie=tie)
    merge_run(run_of(base, "text"), tmp_path / "merged")
    assert ("lm_head.weight" in load_file(tmp_path / "merged" / WEIGHTS)) is not tie
    model = loaded(AutoModelForCausalLM, tmp_path / "merged")
    assert (model.lm_head.weight is model.get_input_embeddings().weight) is tie
    assert model.config.tie_word_embeddings is tie


def test_a_merged_model_is_a_base_again_whatever_its_head(run_of, llama_folder, tmp_path):
    for name in ("classify", "span_qa", "text"):
        merge_run(run_of(llama_folder, name), tmp_path / name)
        network = load_base(str(tmp_path / name)).network
        stock = loaded(STOCK[name], tmp_path / name).base_model
        expected = stock(torch.tensor([[3, 1, 4]])).last_hidden_state[0]
        found = network(of_texts([[3, 1, 4]], "cpu"))
        torch.testing.assert_close(found, expected, **CLOSE)


def test_a_run_in_bfloat16_is_merged_in_float32_from_the_base_as_it_was(
    run_of, gpt2_folder, tmp_path
):
    run = run_of(gpt2_folder, **{"training.precision": "bfloat16"})
    assert load_run(run).base.network.transformer.wte.weight.dtype == torch.bfloat16
    found = merge_run(run, tmp_path / "merged").certificate
    assert found["precision"] == "float32"
    held, base = load_file(tmp_path / "merged" / WEIGHTS), load_file(gpt2_folder / WEIGHTS)
    assert {tensor.dtype for tensor in held.values()} == {torch.float32}
    assert torch.equal(held["transformer.wte.weight"], base["transformer.wte.weight"])
    assert not torch.equal(
        held["transformer.wte.weight"], base["transformer.wte.weight"].bfloat16()
    )
    stock = AutoModelForSequenceClassification.from_pretrained(gpt2_folder, num_labels=2)
    theirs = PeftModel.from_pretrained(stock, run / "adapter").merge_and_unload().eval()
    tokenizer = AutoTokenizer.from_pretrained(gpt2_folder)
    ours = loaded(AutoModelForSequenceClassification, tmp_path / "merged")
    torch.testing.assert_close(numbers(ours, tokenizer), numbers(theirs, tokenizer), **CLOSE)


@pytest.fixture
def merged(film_run, tmp_path):
    merge_run(film_run, tmp_path / "merged")
    return tmp_path / "merged"


def test_stock_pipelines_give_the_runs_classes_by_name_also_in_a_batch(film_run, merged):
    config = AutoConfig.from_pretrained(merged)
    assert config.id2label == {0: "negative", 1: "positive"}
    assert config.label2id == {"negative": 0, "positive": 1}
    classes = pipeline("text-classification", str(merged), device="cpu")
    found = classes([TOKEN + text for text in TEXTS], batch_size=len(TEXTS))
    expected = load_run(film_run).predict(TEXTS)
    assert [one["label"] for one in found] == [line.prediction for line in expected]
    scores = [line.scores[line.prediction] for line in expected]
    assert [one["score"] for one in found] == pytest.approx(scores, abs=2e-5)


def test_ctrl_c_leaves_nothing(film_run, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(merge, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge_run(film_run, tmp_path / "merged")
    assert not [*tmp_path.iterdir()]


KILLED = """
import os, signal, sys
from pathlib import Path
from loratory.export import merge

merge.write_json = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
merge.merge_run(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_killed_merge_leaves_no_model_and_says_what_to_remove(film_run, tmp_path):
    out = tmp_path / "merged"
    command = [sys.executable, "-c", KILLED, str(film_run), str(out)]
    assert subprocess.run(command, check=False, env=os.environ).returncode == -9
    assert not out.exists()
    with pytest.raises(RunError, match=r"RUN-EXISTS.*merged\.new.*\nfix: remove it"):
        merge_run(film_run, out)
    shutil.rmtree(tmp_path / "merged.new")
    merge_run(film_run, out)
    assert find_damage(out) is None


@pytest.mark.parametrize("there", ["merged/mine", "merged", "merged.old/mine", "merged.new/mine"])
def test_what_is_there_already_is_left_alone(film_run, tmp_path, there, monkeypatch):
    monkeypatch.setattr(merge, "load_run", lambda *_, **__: pytest.fail("a run was loaded"))
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    with pytest.raises(RunError, match="RUN-EXISTS"):
        merge_run(film_run, tmp_path / "merged")
    assert (tmp_path / there).read_text() == "mine"


def test_an_empty_folder_is_filled(film_run, tmp_path, monkeypatch):
    (tmp_path / "deep" / "merged").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep")
    merge_run(film_run, tmp_path / "deep" / "merged")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["merged"]
    assert find_damage(tmp_path / "deep" / "merged") is None


def test_rows_are_taken_from_all_over_the_split(film_run, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(merge, "compared", lambda *given, **_: seen.append(given[2]) or {})
    merge_run(film_run, tmp_path / "merged", rows=3)
    assert [row.id for row in seen[0].rows] == ["validation/0", "validation/3", "validation/6"]


@pytest.mark.parametrize(
    ("gone", "split"), [({"validation"}, "test"), ({"validation", "test"}, "train")]
)
def test_without_validation_rows_others_are_taken(film_run, films, tmp_path, gone, split):
    run = shutil.copytree(film_run, tmp_path / "run")
    text = (run / "recipe.yaml").read_text()
    for name in gone:
        text = text.replace(f"{name}: {films / name}.csv", f"{name}: null")
    (run / "recipe.yaml").write_text(text)
    assert merge_run(run, tmp_path / "merged").certificate["split"] == split


def test_where_the_data_is_gone_a_file_takes_its_place(film_run, films, tmp_path):
    run = shutil.copytree(film_run, tmp_path / "run")
    text = (run / "recipe.yaml").read_text().replace(str(films), str(tmp_path / "gone"))
    (run / "recipe.yaml").write_text(text)
    with pytest.raises(DataError, match=r"DATA-FILE.*\nfix: .*--file"):
        merge_run(run, tmp_path / "merged")
    found = merge_run(run, tmp_path / "merged", file=films / "test.csv").certificate
    assert (found["split"], found["rows"]) == ("file", 7)
