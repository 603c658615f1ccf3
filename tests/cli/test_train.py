"""`loratory train`: a run from the command line, and what it prints."""

import json

import pytest

ALWAYS = {
    "run",
    "metrics",
    "intervals",
    "seconds",
    "tokens_per_second",
    "peak_memory_mb",
    "trainable_parameters",
    "total_parameters",
}


@pytest.fixture
def one_epoch(film_recipe, tmp_path):
    """Return the arguments of a short run in `tmp_path/run`."""
    return ("train", film_recipe, "training.epochs=1", "--out", tmp_path / "run")


def test_json_is_the_result_and_nothing_else(loratory, one_epoch, tmp_path):
    ran = loratory(*one_epoch, "--json")
    result = json.loads(ran.out)
    assert ran.code == 0
    assert result.keys() >= ALWAYS
    assert result == json.loads((tmp_path / "run" / "result.json").read_text())
    assert "22 train, 9 validation, 7 test rows" in ran.err


def test_a_person_sees_the_numbers_beside_the_baselines(loratory, one_epoch, tmp_path):
    ran = loratory(*one_epoch)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    for split, rows in {"validation": 9, "test": 7}.items():
        assert f"{split}: {rows} rows, 95 % intervals" in ran.out
        assert f"{result['evaluation'][split]['metrics']['accuracy']:.3f} [" in ran.out
    assert "majority class" in ran.out
    assert f"report:  {tmp_path / 'run' / 'report.html'}" in ran.out
    assert f'use it:  loratory predict {tmp_path / "run"} "a text"' in ran.out


def test_warnings_are_told_at_the_end(loratory, one_epoch):
    ran = loratory(*one_epoch, "data.validation=null", "data.test=null")
    assert ran.code == 0
    assert "warning: no rows were held out" in ran.err


def test_without_out_the_run_lies_in_runs(loratory, film_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = loratory("train", film_recipe, "training.epochs=1", "name=mine", "--json")
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("mine-20")
    assert json.loads(ran.out)["run"] == f"runs/{run.name}"


def test_a_finished_run_that_is_resumed_prints_its_result(loratory, film_run):
    ran = loratory("train", "--resume", film_run, "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == json.loads((film_run / "result.json").read_text())
    assert "use it:" in loratory("train", "--resume", film_run).out


def test_the_last_line_says_how_the_run_is_used(loratory, film_run, question_run, text_run):
    uses = {
        film_run: f'loratory predict {film_run} "a text"',
        question_run: f"loratory predict {question_run} --file questions.jsonl",
        text_run: f'loratory generate {text_run} "a beginning"',
    }
    for run, use in uses.items():
        ran = loratory("train", "--resume", run)
        assert ran.out.splitlines()[-1] == f"use it:  {use}"


def test_where_nothing_was_trained_nothing_is_said_of_training(loratory, film_recipe, tmp_path):
    recipe, method = tmp_path / "none.yaml", "method: {r: 4, lora_dropout: 0.1}"
    recipe.write_text(film_recipe.read_text().replace(method, "method: {kind: none}"))
    ran = loratory("train", recipe, "task.kind=label_words", "--out", tmp_path / "run")
    assert ran.code == 0
    assert "s of training" not in ran.out
    assert "0 of " in ran.err
    assert "test: 7 rows, 95 % intervals" in ran.out
