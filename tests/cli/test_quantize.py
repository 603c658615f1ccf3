"""`loratory quantize`: what it prints, what predict makes of the folder, and wrong usage."""

import json

import pytest

from loratory import pipeline
from loratory.recipe.load import load_recipe


def test_a_run_is_quantised_and_used(loratory, film_run, tmp_path):
    out = tmp_path / "small"
    ran = loratory("quantize", film_run, "--to", "int8", "--out", out, "--rows", "5")
    assert ran.code == 0
    assert ran.out.startswith("quantised, weights int8 per output, inputs int8 per token: 6,144")
    assert "not quantised: 6,624 numbers (wte 5,120" in ran.out
    assert f"model: {out}" in ran.out
    said = loratory("predict", out, "lovely and moving", "--json")
    assert said.code == 0
    assert json.loads(said.out)["predictions"][0]["prediction"] in {"positive", "negative"}
    scored = loratory("evaluate", out, "--json")
    assert json.loads(scored.out)["rows"] == 7


def test_rows_of_a_file_are_compared_where_it_is_given(loratory, film_run, films, tmp_path):
    file = ["--file", films / "train.csv", "--rows", "3", "--json"]
    ran = loratory("quantize", film_run, "--to", "int8", "--out", tmp_path / "small", *file)
    certificate = json.loads(ran.out)["certificate"]
    assert (certificate["split"], certificate["rows"]) == ("file", 3)
    ran = loratory("quantize", film_run, "--ladder", *file)
    found = json.loads(ran.out)
    assert (found["split"], found["rows"]) == ("file", 3)
    after = {rung["name"]: rung for rung in found["rungs"]}["int8, after training"]
    assert after["certificate"]["split"] == "file"


def test_json_holds_the_certificate(loratory, film_run, tmp_path):
    section = "{kind: int4, group_size: 8, activations: int8}"
    ran = loratory("quantize", film_run, "--to", section, "--out", tmp_path / "small", "--json")
    certificate = json.loads(ran.out)["certificate"]
    assert {"max_logit_difference", "metric_difference", "rows", "tolerance"} <= certificate.keys()
    assert certificate["quantization"]["group_size"] == 8


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--to", "int8"], "CFG-USAGE"),
        (["--to", "int5", "--out", "small"], "CFG-VALUE"),
        (["--to", "{kind: int4, group_size: 1}", "--out", "small"], "CFG-VALUE"),
        (["--out", "small", "--ladder"], "CFG-USAGE"),
        (["--out", "small", "--rows", "0"], "CFG-USAGE"),
        (["--out", "small"], "CFG-USAGE"),
        (["--to", "int4", "--out", "small"], "CFG-RANGE"),
    ],
)
def test_wrong_usage_is_refused(loratory, film_run, arguments, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = loratory("quantize", film_run, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert f"error[{code}]" in ran.err
    assert not (tmp_path / "small").exists()


def test_a_ladder_on_one_row_says_what_it_cannot_know(loratory, text_run, tmp_path):
    rounded = load_recipe(text_run / "recipe.yaml", {"quantization.kind": "int8"})
    pipeline.train(rounded, out=tmp_path / "int8")
    ran = loratory("quantize", text_run, tmp_path / "int8", "--ladder", "--rows", "1")
    assert ran.code == 0
    assert "against int8, after training: " in ran.out
    assert "[unknown, unknown], p 1.000" in ran.out
    assert "[0.000, unknown]" in (text_run / "ladder.html").read_text()
