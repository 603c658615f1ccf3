"""The ladder: every rung or why it is missing, and each number as compare and evaluate have it."""

import json

import numpy as np
import pytest

from loratory.errors import ConfigError, NumericsError, RunError
from loratory.export import ladder as ladders
from loratory.export.ladder import write_ladder
from loratory.inference.evaluate import evaluate_run
from loratory.metrics.mcnemar import mcnemar_p_value
from loratory.metrics.predictions import read_predictions

INT8 = {"quantization.kind": "int8"}
NAMES = [
    "base",
    "tuned, float32",
    "merged, float32",
    "int8, after training",
    "int4, after training",
    "int8, trained for it",
    "int4, trained for it",
]


@pytest.fixture(scope="module")
def ladder(run_of, llama_folder):
    run, trained_for = run_of(llama_folder), run_of(llama_folder, **INT8)
    heard = []
    found, page = write_ladder(run, [trained_for], rows=None, tell=heard.append)
    assert len(heard) == len(NAMES)
    return run, trained_for, found, page


def test_every_rung_is_there_or_says_what_is_missing(ladder):
    rungs = {rung["name"]: rung for rung in ladder[2]["rungs"]}
    assert list(rungs) == NAMES
    assert "no answer" in rungs["base"]["missing"]
    assert "do not fill" in rungs["int4, after training"]["missing"]
    assert "quantization.kind=int4" in rungs["int4, trained for it"]["missing"]
    measured = [rung for rung in rungs.values() if "bytes" in rung]
    assert len(measured) == 5
    assert all(rung["latency_ms"] > 0 and rung["rows_per_second"] > 0 for rung in measured)


@pytest.mark.parametrize("kind", ["full", "bitfit"])
def test_the_base_answers_also_under_a_method_that_cannot_be_taken_off(run_of, gpt2_folder, kind):
    run = run_of(gpt2_folder, "label_words", **{"method.kind": kind})
    found, _ = write_ladder(run, [], rows=None, tell=lambda _: None)
    base, tuned = found["rungs"][:2]
    assert base["missing"] is None
    untrained = run_of(gpt2_folder, "label_words", **{"method.kind": "none"})
    for rung, folder in ((base, untrained), (tuned, run)):
        assert rung["value"] == evaluate_run(folder, split="test").metrics["accuracy"]


def test_values_are_those_of_evaluate(ladder):
    run, trained_for, found, _ = ladder
    rungs = {rung["name"]: rung for rung in found["rungs"]}
    for name, folder in (("tuned, float32", run), ("int8, trained for it", trained_for)):
        assert rungs[name]["value"] == evaluate_run(folder, split="test").metrics["accuracy"]
    assert rungs["merged, float32"]["difference"] == 0


def test_differences_are_paired_and_tested(ladder):
    run, trained_for, found, _ = ladder
    right = []
    for folder in (run, trained_for):
        evaluate_run(folder, split="test")
        lines = read_predictions(folder / "predictions" / "test.jsonl")
        right.append([line.prediction == line.target for line in lines])
    first, second = (np.array(one, dtype=float) for one in right)
    rung = {rung["name"]: rung for rung in found["rungs"]}["int8, trained for it"]
    assert rung["difference"] == pytest.approx((second - first).mean())
    assert rung["p_value"] == mcnemar_p_value(second, first)
    (pair,) = found["pairs"]
    assert (pair["a"], pair["b"]) == ("int8, trained for it", "int8, after training")


def test_it_is_kept_in_the_runs_folder(ladder):
    run, _, found, page = ladder
    assert json.loads((run / "ladder.json").read_text()) == found
    assert (run / "plots" / "ladder.png").read_bytes().startswith(b"\x89PNG")
    assert "int8, trained for it" in page.read_text()


def test_runs_that_do_not_belong_in_it_are_refused(run_of, llama_folder, gpt2_folder):
    plain, rounded = run_of(llama_folder), run_of(llama_folder, **INT8)
    for run, others in ((rounded, []), (plain, [plain]), (plain, [rounded, rounded])):
        with pytest.raises(ConfigError) as refused:
            write_ladder(run, others, rows=None, tell=print)
        assert refused.value.code == "CFG-USAGE"
    with pytest.raises(RunError) as refused:
        write_ladder(run_of(gpt2_folder), [rounded], rows=None, tell=print)
    assert refused.value.code == "RUN-MISMATCH"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"method.kind": "bottleneck"}, "CFG-MERGE"),
        ({"base.hidden_size": 6, "method.kind": "full"}, "CFG-QUANT"),
    ],
)
def test_what_cannot_be_shipped_in_whole_numbers_is_refused_at_once(
    run_of, gpt2_folder, settings, code
):
    recurrent = f"{{kind: recurrent, tokenizer: {gpt2_folder}}}"
    run = run_of(recurrent if code == "CFG-QUANT" else gpt2_folder, **settings)
    heard = []
    with pytest.raises(ConfigError) as refused:
        write_ladder(run, [], rows=None, tell=heard.append)
    assert (refused.value.code, heard) == (code, [])


def test_a_rung_that_does_not_compute_what_was_rounded_is_missing(
    run_of, llama_folder, monkeypatch
):
    def spoilt(*_, **__):
        raise NumericsError("NUM-QUANT", "it computes something else", fix="report it")

    monkeypatch.setattr(ladders, "quantize_run", spoilt)
    found, _ = write_ladder(run_of(llama_folder, seed=3), [], rows=2, tell=lambda _: None)
    rungs = {rung["name"]: rung for rung in found["rungs"]}
    assert rungs["int8, after training"]["missing"] == "it computes something else; report it"
    assert rungs["merged, float32"]["difference"] == 0
