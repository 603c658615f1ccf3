"""The result of a run: every number on the rows it says, and what it does not know."""

import json
import os
from dataclasses import replace

import pytest

from loratory import pipeline
from loratory.batching.rows import EncodedRow, Encoding, one_each
from loratory.data.rows import Dataset, Row, Source
from loratory.errors import RunInterruptedError
from loratory.inference.result import RunInput, token_lengths, warnings
from loratory.recipe.load import load_recipe
from loratory.runs.environment import peak_memory_mb
from loratory.runs.log import read_events


def result_of(run):
    return json.loads((run / "result.json").read_text())


def encoding(*lengths, truncated=0, notes=()):
    rows = tuple(EncodedRow((tuple(range(length)),), (0,), (0,)) for length in lengths)
    return one_each(rows, truncated=truncated, notes=notes)


def given(**encodings):
    splits = {split: (Row(f"{split}/0", "a", 0, f"{split}:1"),) for split in encodings}
    sources = {split: Source("a file", "0", 1, 0) for split in encodings}
    return RunInput(Dataset(("no", "yes"), splits, sources, ("the set is old",)), encodings)


def test_token_lengths_are_those_of_the_rows():
    lengths = token_lengths(encoding(*range(1, 101)))
    assert (lengths["min"], lengths["median"], lengths["max"]) == (1, 50.5, 100)
    assert 95 <= lengths["p95"] <= 96


def test_rows_that_teach_nothing_have_no_length():
    lengths = token_lengths(Encoding((), ()))
    assert lengths == {"min": 0, "median": 0, "p95": 0, "max": 0}


def test_a_person_is_warned_of_what_was_cut_and_noted():
    cut, noted = encoding(3, truncated=2), encoding(3, notes=("one text is odd",))
    assert warnings(given(train=cut, test=noted)) == [
        "the set is old",
        "train: 2 texts were cut at task.max_length",
        "test: one text is odd",
    ]


def test_what_was_cut_of_extra_texts_is_counted_with_the_training_rows():
    more = replace(given(train=encoding(3, truncated=2), test=encoding(1)), extra=(object(),))
    assert "train and extra texts: 2 texts were cut at task.max_length" in warnings(more)


def test_a_person_is_warned_when_nothing_is_held_out():
    assert any("no rows were held out" in line for line in warnings(given(train=encoding(1))))
    held_out = given(train=encoding(1), validation=encoding(1))
    assert warnings(held_out) == ["the set is old"]


def test_the_result_says_what_its_numbers_are_on(film_run):
    result = result_of(film_run)
    assert (result["split"], result["selected_on"]) == ("test", "validation")
    assert result["metrics"] == result["evaluation"]["test"]["metrics"]
    assert result["rows"] == {"train": 22, "validation": 9, "test": 7}
    assert (result["steps"], result["stopped"], result["warnings"]) == (12, "finished", [])
    assert (result["extra_rows"], result["teacher_seconds"]) == (0, None)
    assert result["labels"] == ["negative", "positive"]
    for metric, value in result["metrics"].items():
        low, high = result["intervals"][metric]
        assert low <= value <= high


def test_validation_numbers_are_those_of_the_best_step(film_run):
    result = result_of(film_run)
    looks = {
        event["step"]: event
        for event in read_events(film_run / "log.jsonl")
        if event["event"] == "evaluation" and event["split"] == "validation"
    }
    assert list(looks) == [2, 4, 6, 8, 10, 12]
    best = looks[result["best_step"]]
    assert best["eval/accuracy"] == max(look["eval/accuracy"] for look in looks.values())
    validation = result["evaluation"]["validation"]
    assert validation["loss"] == best["eval/loss"]
    for name, value in validation["metrics"].items():
        assert value == pytest.approx(best[f"eval/{name}"])


def test_what_each_attempt_computes_anew_costs_once(film_recipe, tmp_path):
    changes = {"method.layers_to_transform": [1], "training.frozen_states": "memory"}
    with pytest.raises(RunInterruptedError):
        pipeline.train(load_recipe(film_recipe, changes), out=tmp_path / "run", stop=lambda: True)
    result = pipeline.resume(tmp_path / "run").result
    events = read_events(tmp_path / "run" / "log.jsonl")
    frozen = [event["seconds"] for event in events if event["event"] == "frozen_states"]
    steps = [event["seconds"] for event in events if event["event"] == "step"]
    assert (len(frozen), len(steps)) == (2, 12)
    assert result["seconds"] == pytest.approx(sum(steps) + max(frozen))


def test_the_costs_are_those_of_the_log(film_run):
    result, events = result_of(film_run), read_events(film_run / "log.jsonl")
    steps = [event for event in events if event["event"] == "step"]
    (start,) = [event for event in events if event["event"] == "start"]
    assert [step["step"] for step in steps] == list(range(1, 13))
    assert result["seconds"] == pytest.approx(sum(step["seconds"] for step in steps))
    tokens = sum(step["tokens"] for step in steps)
    assert tokens == 2 * result["train_tokens"]
    assert result["tokens_per_second"] == pytest.approx(tokens / result["seconds"])
    for name in ("trainable_parameters", "total_parameters"):
        assert result[name] == start[name] > 0
    adapter = film_run / "adapter" / "adapter_model.safetensors"
    assert result["adapter_bytes"] == adapter.stat().st_size
    assert 50 < result["peak_memory_mb"] < 50_000
    assert result["peak_gpu_memory_mb"] is None


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="cannot be reset here")
def test_what_the_process_held_before_a_run_is_not_its_peak(film_recipe, tmp_path):
    held = bytearray(b"x") * 1_500_000_000
    before = peak_memory_mb()
    del held
    recipe = load_recipe(film_recipe, ["training.epochs=1", "data.test=null"])
    run = pipeline.train(recipe, out=tmp_path / "run")
    assert run.result["peak_memory_mb"] < before - 1_000


def test_baselines_stand_beside_every_split(film_run):
    result = result_of(film_run)
    assert result["baselines"].keys() == result["evaluation"].keys()
    for baselines in result["baselines"].values():
        assert len(baselines) == 2
        assert all(0 <= found["metrics"]["accuracy"] <= 1 for found in baselines)


def test_with_one_look_nothing_was_selected(film_recipe, tmp_path):
    settings = ["training.epochs=1", "training.evaluate_every=epoch", "data.test=null"]
    run = pipeline.train(load_recipe(film_recipe, settings), out=tmp_path / "run")
    assert (run.result["split"], run.result["selected_on"]) == ("validation", None)
    assert run.metrics == run.result["evaluation"]["validation"]["metrics"]
    assert run.intervals.keys() == run.metrics.keys()


def test_a_run_that_trains_nothing_and_was_killed_looked_once(film_recipe, tmp_path):
    def killed(event, _values):
        if event == "evaluation":
            raise KeyboardInterrupt

    changes = {"method": {"kind": "none"}, "task": {"kind": "label_words"}, "data.test": None}
    recipe = load_recipe(film_recipe, changes)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(recipe, out=tmp_path / "run", watch=killed)
    run = pipeline.resume(tmp_path / "run")
    looks = [e for e in read_events(run.path / "log.jsonl") if e["event"] == "evaluation"]
    assert (len(looks), looks[0]["attempt"], run.result["selected_on"]) == (1, 2, None)


def test_without_held_out_rows_it_says_that_nothing_is_known(film_recipe, tmp_path):
    settings = ["training.epochs=1", "data.test=null", "data.validation=null"]
    run = pipeline.train(load_recipe(film_recipe, settings), out=tmp_path / "run")
    assert (run.result["split"], run.result["selected_on"], run.metrics) == (None, None, {})
    assert run.result["best_step"] is None
    (warning,) = run.result["warnings"]
    assert warning.startswith("no rows were held out, so nothing is known of the quality")
    assert warning[:40] in (run.path / "report.html").read_text()
    assert len(run.load().predict(["lovely"])) == 1


def test_a_result_has_the_audit_of_its_rows(film_recipe, films, tmp_path):
    first = (films / "train.csv").read_text().splitlines()[1]
    text, label = first.rsplit(",", 1)
    other = {"positive": "negative", "negative": "positive"}[label]
    training, held = tmp_path / "train.csv", tmp_path / "validation.csv"
    training.write_text((films / "train.csv").read_text() + f"{text},{other}\n{text},{label}\n")
    held.write_text((films / "validation.csv").read_text() + f"{first}\n")
    changes = {"data.train": str(training), "data.validation": str(held)}
    recipe = load_recipe(film_recipe, {**changes, "data.leaks": "warn", "training.epochs": 1})
    found = result_of(pipeline.train(recipe, out=tmp_path / "run").path)
    audit = found["audit"]
    assert audit["splits"]["train"]["duplicates"] == 2
    assert audit["splits"]["validation"]["duplicates"] == 0
    assert {split: numbers["rows"] for split, numbers in audit["splits"].items()} == found["rows"]
    assert audit["shared"] == {"train, validation": 1, "train, test": 0, "validation, test": 0}
    assert audit["leaks"] == {"validation": 1, "test": 0}
    assert found["cut"] == {}, "a classifier writes no answers"
    # One row has another label, and two stand behind the text that now has both.
    assert audit["conflicts"] == 3
