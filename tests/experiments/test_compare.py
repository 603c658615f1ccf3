"""Comparing runs: what is one entry, which of them differ, what each costs, what must be known."""

import json
import re
from dataclasses import replace

import pytest
from scipy.stats import binomtest

from loratory.errors import LoratoryError
from loratory.experiments.compare import compare
from loratory.metrics.predictions import Prediction, read_predictions, write_predictions
from loratory.metrics.questions import evaluate_questions


def refused(runs, **asked):
    with pytest.raises(LoratoryError) as error:
        compare(runs, **asked)
    return error.value


def rewritten(run, split, change):
    path = run / "predictions" / f"{split}.jsonl"
    write_predictions(
        path, [change(number, line) for number, line in enumerate(read_predictions(path))]
    )


def test_entries_come_best_first_with_the_values_and_letters_of_their_rows(make_run):
    good, like, bad = make_run("good", 0.93), make_run("like", 0.92), make_run("bad", 0.6, r=4)
    found = compare([bad, like, good])
    assert [entry.name for entry in found.entries][-1] == "bad"
    for entry in found.entries:
        held = json.loads((entry.runs[0] / "result.json").read_text())["evaluation"]["test"]
        assert entry.value == pytest.approx(held["metrics"]["accuracy"])
        # Two bootstraps of the same rows.
        assert entry.interval == pytest.approx(held["intervals"]["accuracy"], abs=0.012)
    assert ["".join(entry.letters) for entry in found.entries] == ["a", "a", "b"]
    assert (found.split, found.rows, found.metric) == ("test", 200, "accuracy")


def test_a_pair_of_runs_has_mcnemars_p_value_and_holms_of_all_pairs(make_run):
    runs = [make_run("a", 0.9), make_run("b", 0.83, r=4), make_run("c", 0.7, r=2)]
    found = compare(runs)
    right = {
        run.name: [
            line.target == line.prediction
            for line in read_predictions(run / "predictions" / "test.jsonl")
        ]
        for run in runs
    }
    for pair in found.pairs:
        a, b = right[pair.a.name], right[pair.b.name]
        only = [sum(x and not y for x, y in zip(*two, strict=True)) for two in ((a, b), (b, a))]
        assert pair.p_value == pytest.approx(binomtest(only[0], sum(only), 0.5).pvalue)
        assert pair.difference == pytest.approx((sum(a) - sum(b)) / 200)
        assert pair.interval[0] < pair.difference < pair.interval[1]
        assert pair.test == "McNemar"
    smallest = min(pair.p_value for pair in found.pairs)
    assert min(pair.p_adjusted for pair in found.pairs) == pytest.approx(3 * smallest)


def test_runs_that_differ_in_the_seed_alone_are_one_entry(make_run):
    names = ["rate-high-seed0", "rate-high-seed1", "rate-high-seed2"]
    seeds = [make_run(name, 0.9, seed=seed) for seed, name in enumerate(names)]
    other = make_run("rate-low", 0.7, learning_rate=0.0001)
    found = compare([*seeds[::-1], other])
    entry = found.entries[0]
    assert (entry.name, entry.seeds, len(entry.runs)) == ("rate-high-seed", (0, 1, 2), 3)
    values = [compare([run]).entries[0].value for run in seeds]
    assert entry.value == pytest.approx(sum(values) / 3)
    assert entry.label == "learning_rate=0.001"
    assert found.pairs[0].test == "bootstrap"
    assert any("One seed of 1 of the 2 entries" in note for note in found.notes)
    assert len(compare([*seeds, other], each=True).entries) == 4


def test_the_same_recipe_and_seed_twice_says_nothing_of_seeds(make_run):
    found = compare([make_run("first", 0.9), make_run("again", 0.9)])
    assert [len(entry.runs) for entry in found.entries] == [1, 1]
    assert found.entries[0].settings == {}


def test_a_cheaper_run_that_is_worse_by_chance_alone_stays_on_the_front(make_run):
    dear, cheap, bad = (
        make_run("dear", 0.9, r=16),
        make_run("cheap", 0.89),
        make_run("bad", 0.5, r=12),
    )
    fronts = compare([dear, cheap, bad]).fronts
    assert {entry.name for entry in fronts["seconds"]} == {"dear", "cheap"}
    assert fronts.keys() == {"seconds", "peak_memory_mb", "trainable_parameters", "adapter_bytes"}


def test_the_split_is_test_only_where_every_run_has_it(make_run):
    with_test, without = make_run("a", 0.9), make_run("b", 0.8, splits=("validation",))
    found = compare([with_test, without])
    assert found.split == "validation"
    assert "also chose the checkpoint of every run" in found.notes[0]
    assert "These are the test rows" in compare([with_test]).notes[0]
    error = refused([with_test, without], split="test")
    assert (error.code, error.at) == ("DATA-SPLIT", str(without))


def test_questions_of_a_paragraph_are_drawn_together(make_run):
    def paragraphs(number, line):
        said = line.prediction if number // 50 % 2 else line.target
        return replace(line, prediction=said, group=f"p{number // 50}")

    runs = [make_run("a", 0.9), make_run("b", 0.5, r=4)]
    alone = compare(runs).pairs[0]
    for run in runs:
        rewritten(run, "test", paragraphs)
    found = compare(runs)
    assert any("4 paragraphs" in note for note in found.notes)
    assert found.pairs[0].test == "bootstrap"
    assert alone.differs
    assert not found.pairs[0].differs


def test_a_run_on_questions_has_the_interval_of_its_own_report(make_run):
    lines = [
        Prediction(
            f"q{n}", "?", ("a cat",), ["cat", "a dog", "a cat"][n * n // 9 % 3], {}, f"p{n // 6}"
        )
        for n in range(90)
    ]
    run = make_run("a", 0.9)
    recipe = (run / "recipe.yaml").read_text()
    questions = "task: {kind: span_qa}\ndata: {train: q.json}"
    (run / "recipe.yaml").write_text(re.sub("task:.*\\ndata:.*", questions, recipe))
    write_predictions(run / "predictions" / "test.jsonl", lines)
    own = evaluate_questions(lines, version="1.1")
    for metric, value in own.metrics.items():
        (entry,) = compare([run], metric=metric).entries
        assert (entry.value, entry.interval) == (value, own.intervals[metric])


def test_json_has_the_promised_keys(make_run):
    runs = [make_run("a", 0.9), make_run("b", 0.6, r=4)]
    found = json.loads(json.dumps(compare(runs).to_json(), allow_nan=False))
    assert {"metric", "runs", "pairs"} <= found.keys()
    assert all({"run", "value", "interval", "group"} <= run.keys() for run in found["runs"])
    needed = {"a", "b", "difference", "interval", "p_value", "p_adjusted"}
    assert all(needed <= pair.keys() for pair in found["pairs"])
    assert [found["pairs"][0][end] for end in ("a", "b")] == [str(run) for run in runs]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"id": "x"}, "has row"),
        ({"text": "another"}, "row test/7 is not the same"),
        ({"target": "negative"}, "row test/7 is not the same in both"),
    ],
)
def test_runs_on_other_rows_are_refused_with_both_places(make_run, changed, says):
    runs = [make_run("a", 0.9), make_run("b", 0.8)]
    rewritten(runs[1], "test", lambda n, line: replace(line, **changed) if n == 7 else line)
    error = refused(runs)
    assert (error.code, error.at) == ("RUN-MISMATCH", f"{runs[0]} and {runs[1]}")
    assert says in error.problem


def test_more_rows_in_one_of_the_runs_are_refused(make_run):
    runs = [make_run("a", 0.9, rows=100), make_run("b", 0.8, rows=110)]
    assert refused(runs).code == refused(runs[::-1]).code == "RUN-MISMATCH"


def test_rows_may_come_in_another_order(make_run):
    runs = [make_run("a", 0.9), make_run("b", 0.8)]
    before = compare(runs).to_json()
    path = runs[1] / "predictions" / "test.jsonl"
    write_predictions(path, read_predictions(path)[::-1])
    assert compare(runs).to_json() == before


def test_runs_of_other_tasks_are_refused_with_both_places(make_run):
    runs = [make_run("a", 0.9), make_run("b", 0.8)]
    text = (runs[1] / "recipe.yaml").read_text()
    text = text.replace("{kind: classify, labels: [negative, positive]}", "{kind: text}")
    (runs[1] / "recipe.yaml").write_text(text.replace("name: rotten_tomatoes", "train: a.txt"))
    error = refused(runs)
    assert (error.code, error.at) == ("RUN-MISMATCH", f"{runs[0]} and {runs[1]}")
    assert (error.got, error.expected) == ("text", "classify")


def test_a_metric_that_is_not_there_is_answered_with_those_that_are(make_run):
    run = make_run("a", 0.9)
    error = refused([run], metric="bleu_1")
    assert (error.code, error.exit_code, error.at) == ("CFG-UNKNOWN", 2, str(run))
    assert "matthews_correlation" in error.expected
    assert compare([run], metric="f1").metric == "f1"


def test_no_run_a_run_twice_an_unfinished_one_and_no_run_folder_are_refused(make_run, tmp_path):
    run = make_run("a", 0.9)
    assert refused([]).code == "CFG-USAGE"
    assert refused([run, run.parent / "." / "a"]).code == "CFG-USAGE"
    (run / "result.json").unlink()
    assert refused([run]).code == "RUN-UNFINISHED"
    assert refused([tmp_path / "nothing"]).code == "RUN-FOLDER"
