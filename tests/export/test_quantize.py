"""Quantising runs: what is on disk says what the run said in training, in every task and layout."""

import json
import shutil

import pytest
import torch

from loratory.errors import ConfigError, NumericsError, RunError
from loratory.export import quantize
from loratory.export.merge import merge_run
from loratory.export.quantize import quantize_run
from loratory.inference.evaluate import evaluate_run
from loratory.inference.opened import open_model
from loratory.inference.tuned import load_run
from loratory.recipe.quantization import Int4Quantization, Int8Quantization
from loratory.runs.manifest import find_damage

TEXTS = ["a quiet , lovely film", "dull", "thin and lifeless , far too long , far too cold"]
INT8 = {"quantization.kind": "int8"}
INT4 = {"quantization.kind": "int4", "quantization.group_size": 8}


def scores(tuned):
    return [list(line.scores.values()) for line in tuned.predict(TEXTS)]


@pytest.mark.parametrize(
    ("base", "settings"),
    [
        ("gpt2_folder", INT4),
        ("llama_folder", INT8),
        pytest.param("gpt2_folder", INT8, marks=pytest.mark.slow),
        pytest.param("llama_folder", INT4, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_was_trained_for_it_ships_what_it_computed(
    run_of, base, settings, request, tmp_path
):
    run = run_of(request.getfixturevalue(base), **settings)
    quantised = quantize_run(run, tmp_path / "small")
    assert find_damage(tmp_path / "small") is None
    found = json.loads((tmp_path / "small" / "certificate.json").read_text())
    assert found == quantised.certificate
    assert found["trained_for_it"]
    assert found["rounded"]["equal_predictions"] == found["rows"]
    torch.testing.assert_close(
        torch.tensor(scores(open_model(tmp_path / "small"))),
        torch.tensor(scores(load_run(run))),
        rtol=0,
        atol=1e-2,
    )
    again = evaluate_run(tmp_path / "small", split="test")
    assert again.metrics["accuracy"] == evaluate_run(run, split="test").metrics["accuracy"]
    assert again.predictions.is_relative_to(tmp_path / "small")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("label_words", "llama_folder"),
        pytest.param("span_qa", "gpt2_folder", marks=pytest.mark.slow),
        pytest.param("span_qa", "llama_folder", marks=pytest.mark.slow),
        pytest.param("written_qa", "llama_folder", marks=pytest.mark.slow),
        pytest.param("text", "gpt2_folder", marks=pytest.mark.slow),
    ],
)
def test_runs_of_every_task_are_quantised_after_training(run_of, name, base, request, tmp_path):
    run = run_of(request.getfixturevalue(base), name)
    found = quantize_run(run, tmp_path / "small", section=Int8Quantization()).certificate
    assert not found["trained_for_it"]
    assert 0 < found["max_logit_difference"] < found["largest_logit"]
    assert found["rounded"]["layer_difference"] <= 1e-3
    assert found["rounded"]["mean_logit_difference"] <= 1e-3 * max(1, found["largest_logit"])
    assert found["bytes"] < found["float32_bytes"]
    assert (found["rounded"]["equal_predictions"] is None) == (name == "text")


@pytest.mark.parametrize(
    "method", ["full", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("ia3", "head"))]
)
def test_other_methods_are_folded_too(run_of, gpt2_folder, method, tmp_path):
    run = run_of(gpt2_folder, **{"method.kind": method, "quantization.kind": "int8"})
    found = quantize_run(run, tmp_path / "small").certificate
    assert found["rounded"]["equal_predictions"] == found["rows"]


@pytest.mark.parametrize(
    ("settings", "section", "code"),
    [
        ({"method.kind": "bottleneck"}, Int8Quantization(), "CFG-MERGE"),
        ({}, Int4Quantization(group_size=32), "CFG-RANGE"),
        ({}, None, "CFG-USAGE"),
    ],
)
def test_what_cannot_be_quantised_is_refused(
    run_of, gpt2_folder, settings, section, code, tmp_path
):
    with pytest.raises(ConfigError) as refused:
        quantize_run(run_of(gpt2_folder, **settings), tmp_path / "small", section=section)
    assert refused.value.code == code
    assert not (tmp_path / "small").exists()


def test_a_recurrent_student_has_nothing_to_round(run_of, gpt2_folder, tmp_path):
    base = f"{{kind: recurrent, tokenizer: {gpt2_folder}}}"
    run = run_of(base, **{"base.hidden_size": 6, "method.kind": "full"})
    with pytest.raises(ConfigError, match="a recurrent network has none") as refused:
        quantize_run(run, tmp_path / "small", section=Int8Quantization())
    assert refused.value.code == "CFG-QUANT"


@pytest.mark.parametrize("part", ["score", "model.layers.1.mlp.up_proj"])
def test_what_does_not_compute_the_same_is_not_written(
    run_of, llama_folder, part, tmp_path, monkeypatch
):
    opened = quantize.open_model

    def spoilt(folder, **settings):
        tuned = opened(folder, **settings)
        module = tuned.base.network.get_submodule(part)
        for numbers in (*module.parameters(), *module.buffers()):
            if numbers.is_floating_point():
                numbers.data.mul_(1.01)
        return tuned

    monkeypatch.setattr(quantize, "open_model", spoilt)
    with pytest.raises(NumericsError) as refused:
        quantize_run(run_of(llama_folder), tmp_path / "small", section=Int8Quantization())
    assert refused.value.code == "NUM-QUANT"
    assert part in str(refused.value)
    assert not (tmp_path / "small").exists()


def test_a_folder_is_never_written_over(run_of, gpt2_folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError) as refused:
        quantize_run(run_of(gpt2_folder), tmp_path, section=Int8Quantization())
    assert refused.value.code == "RUN-EXISTS"


def test_a_run_that_rounds_is_not_merged_but_quantised(run_of, gpt2_folder, tmp_path):
    run = run_of(gpt2_folder, **INT4)
    with pytest.raises(ConfigError, match="loratory quantize"):
        merge_run(run, tmp_path / "merged")


def test_the_folder_holds_on_without_the_run(run_of, llama_folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_of(llama_folder), run)
    quantize_run(run, tmp_path / "small", section=Int4Quantization(group_size=8))
    before = scores(open_model(tmp_path / "small"))
    shutil.rmtree(run)
    assert scores(open_model(tmp_path / "small")) == before


def test_what_was_written_is_no_run_to_write_again(run_of, llama_folder, tmp_path):
    quantize_run(run_of(llama_folder), tmp_path / "small", section=Int8Quantization())
    with pytest.raises(RunError, match="exported to") as refused:
        merge_run(tmp_path / "small", tmp_path / "merged")
    assert refused.value.code == "RUN-FOLDER"
    assert "--resume" not in refused.value.fix
