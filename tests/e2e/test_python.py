"""The same from Python: three lines, and names that stay what they are."""

import json

import pytest

import loratory
from loratory.errors import ConfigError, RunError


def test_three_lines_train_and_predict(film_recipe, tmp_path):
    run = loratory.train(film_recipe, {"training.epochs": 1, "seed": 3}, out=tmp_path / "run")
    predictions = loratory.load(run.path).predict(["lovely, moving", "dull"])
    assert [line.prediction in {"negative", "positive"} for line in predictions] == [True, True]
    assert run.metrics == json.loads((run.path / "result.json").read_text())["metrics"]
    assert run.intervals["accuracy"][0] <= run.metrics["accuracy"] <= run.intervals["accuracy"][1]
    # Training imports the room of that name, which must not take the function's place.
    assert callable(loratory.train)
    assert loratory.resume(run.path).result == run.result


def test_a_run_and_its_folder_load_as_the_same(film_run):
    texts = ["lovely, moving", "dull"]
    by_name = loratory.load(str(film_run)).predict(texts)
    assert loratory.resume(film_run).load().predict(texts) == by_name


def test_the_public_names_are_these():
    names = ["compare", "export", "load", "merge", "params", "quantize", "resume", "search"]
    assert sorted(loratory.__all__) == [*names, "sweep", "train"]
    assert all(callable(getattr(loratory, name)) for name in loratory.__all__)


def test_a_run_is_quantised_as_by_the_command_line(film_run, tmp_path):
    made = loratory.quantize(film_run, tmp_path / "small", to={"kind": "int4", "group_size": 8})
    assert made.certificate["quantization"]["group_size"] == 8
    assert loratory.load(made.out).predict(["dull"])[0].prediction in {"negative", "positive"}
    with pytest.raises(ConfigError, match="CFG-VALUE"):
        loratory.quantize(film_run, tmp_path / "other", to="int5")


def test_errors_are_those_of_the_command_line(film_recipe, tmp_path):
    with pytest.raises(ConfigError, match=r"CFG-UNKNOWN.*epoch"):
        loratory.train(film_recipe, {"training.epoch": 1})
    with pytest.raises(RunError, match="RUN-FOLDER"):
        loratory.load(tmp_path)
