"""`loratory evaluate`: a run scored again."""

import json
import shutil

import pytest


@pytest.fixture
def run(film_run, tmp_path):
    return shutil.copytree(film_run, tmp_path / "run")


def test_json_has_the_keys_and_the_numbers_of_training(loratory, run):
    ran = loratory("evaluate", run, "--json")
    found, result = json.loads(ran.out), json.loads((run / "result.json").read_text())
    assert (ran.code, ran.err) == (0, "")
    assert (found["run"], found["split"], found["rows"]) == (str(run), "test", 7)
    assert found["metrics"] == result["metrics"]
    assert found["intervals"] == result["intervals"]
    assert found["squad_script"] == {}


def test_a_split_can_be_named(loratory, run):
    found = json.loads(loratory("evaluate", run, "--split", "validation", "--json").out)
    assert (found["split"], found["rows"]) == ("validation", 9)


def test_a_file_can_be_named(loratory, run, films):
    found = json.loads(loratory("evaluate", run, "--file", films / "test.csv", "--json").out)
    assert (found["split"], found["rows"]) == ("file", 7)
    assert found["metrics"] == json.loads((run / "result.json").read_text())["metrics"]


def test_a_person_sees_a_table_and_where_the_predictions_are(loratory, run):
    ran = loratory("evaluate", run, "--split", "train")
    assert "train: 22 rows, 95 % intervals" in ran.out
    assert "matthews_correlation" in ran.out
    assert f"predictions: {run / 'predictions' / 'train.jsonl'}" in ran.out
    assert ran.err == "warning: the model was trained on these rows\n"


def test_split_and_file_together_are_refused(loratory, run, films):
    ran = loratory("evaluate", run, "--split", "test", "--file", films / "test.csv")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[CFG-USAGE]: both --split and --file are given")


def test_questions_of_a_file_are_scored(loratory, question_run):
    file = question_run.parent / "test.json"
    found = json.loads(loratory("evaluate", question_run, "--file", file, "--json").out)
    result = json.loads((question_run / "result.json").read_text())
    assert (found["split"], found["rows"]) == ("file", 4)
    assert found["metrics"] == result["metrics"]
    assert found["metrics"].keys() == {"exact_match", "f1"}
    in_percent = {name: pytest.approx(100 * value) for name, value in found["metrics"].items()}
    assert found["squad_script"] == in_percent
    assert "SQuAD's script would print: exact_match " in loratory("evaluate", question_run).out


def test_texts_of_a_file_are_scored(loratory, text_run):
    ran = loratory("evaluate", text_run, "--file", text_run.parent / "test.txt")
    assert ran.code == 0
    assert "file: 3 rows, 95 % intervals" in ran.out
    assert "perplexity" in ran.out
