"""Tables: every metric beside the baselines, the costs, the hardest texts."""

import math
from dataclasses import replace

import pytest

from loratory.metrics.calibration import Calibration
from loratory.report.data_tables import data_table
from loratory.report.record import Evaluation, RunResult
from loratory.report.tables import costs, score_table, text_tables


def values(table):
    return {row[0].value: [cell.value for cell in row[1:]] for row in table.rows}


def test_every_metric_stands_beside_the_baselines(record):
    table = score_table(record, "validation", calibration=None)
    assert table.columns == ("", "this model", "TF-IDF + logistic regression", "majority class")
    assert values(table).keys() == {
        "accuracy", "precision", "recall", "F1", "Matthews correlation", "loss"
    }  # fmt: skip
    assert values(table)["accuracy"] == ["87.5\u202f%", "50.0\u202f%", "50.0\u202f%"]
    low, high = record.result.intervals["accuracy"]
    assert table.rows[0][1].detail == f"{low * 100:.1f} to {high * 100:.1f}\u202f%"


def test_calibration_belongs_to_the_model_alone(record):
    table = score_table(record, "validation", calibration=Calibration(0.0391, 0.109, ()))
    assert values(table)["calibration error"][0] == "3.9\u202f%"
    assert values(table)["Brier score"][0] == "0.109"
    assert "0.109" not in values(table)["Brier score"][1:]


def test_a_split_that_chose_the_checkpoint_is_marked(record, changed):
    caption = score_table(record, "validation", calibration=None).caption
    assert caption == "validation, 40 rows, also used to choose the checkpoint"
    unused = score_table(changed(selected_on="train"), "validation", calibration=None)
    assert unused.caption == "validation, 40 rows"


def test_costs_are_told_with_what_explains_them(record):
    found = {name: (cell.value, cell.detail) for name, cell in costs(record).items()}
    assert found["training"] == ("3\u202fmin 42\u202fs", "and 6.0\u202fs of evaluation")
    assert found["tokens per second"] == ("413", "1,200 tokens in the training rows")
    assert found["trainable parameters"] == ("2,443", "1.78\u202f% of 136,958")
    assert found["adapter"][0] == "9.8\u202fMB"
    assert found["steps"] == ("15", "to the end")


def test_what_a_student_learned_from_and_its_teacher_took_is_told(changed):
    taught = changed(extra_rows=1500, teacher_seconds=61.0)
    found = {name: cell.detail for name, cell in costs(taught).items()}
    assert found["training"] == (
        "and 6.0\u202fs of evaluation, 1\u202fmin 01\u202fs of asking the teacher"
    )
    assert found["tokens per second"] == "1,200 tokens in the training rows and 1,500 extra texts"
    train, validation = data_table(taught).rows
    assert (train[1].detail, validation[1].detail) == ("and 1,500 extra texts", "")


def test_costs_that_nobody_measured_are_left_out(record):
    assert costs(replace(record, result=RunResult(), events=[])) == {}


def test_costs_of_an_unfinished_run_come_from_its_log(record):
    started = [{"event": "start", "trainable_parameters": 5, "total_parameters": 100}]
    unfinished = replace(record, result=RunResult(), events=started)
    assert costs(unfinished)["trainable parameters"].detail == "5.00\u202f% of 100"


@pytest.mark.parametrize(("times", "words"), [(1, "resumed once"), (3, "resumed 3 times")])
def test_a_resumed_run_says_so(record, times, words):
    resumed = replace(record, events=[*record.events, *[{"event": "resume", "step": 5}] * times])
    assert costs(resumed)["steps"].detail == f"to the end, {words}"


def test_a_table_of_texts_begins_with_the_hardest_and_then_the_longest(texts):
    hardest, longest = text_tables(texts.predictions["validation"])
    assert [row[0].detail for row in hardest.rows] == [f"validation/{n}" for n in range(19, 11, -1)]
    assert [row[0].detail for row in longest.rows] == [f"validation/{n}" for n in range(8)]
    assert longest.columns == ("text", "tokens", "perplexity")
    first = longest.rows[0]
    assert (first[1].value, first[2].value) == ("200", f"{math.e:.2f}")
    assert first[0].value.endswith("…")
    assert len(first[0].value) < 200


def test_few_texts_are_shown_once_and_a_hopeless_one_has_a_number(texts):
    lines = texts.predictions["validation"][:3]
    hopeless = replace(lines[0], scores={"nats": 1e6, "tokens": 1, "bytes": 1})
    (table,) = text_tables([*lines, hopeless])
    assert len(table.rows) == 4
    assert table.rows[0][2].value == "1.014e+304"


def test_where_lower_is_better_the_table_says_so_and_repeats_no_loss(texts):
    table = score_table(texts, "validation", calibration=None)
    assert {row[0].value: row[0].detail for row in table.rows} == {
        "perplexity": "lower is better",
        "bits per byte": "lower is better",
        "nats per token": "lower is better",
    }
    assert table.columns == ("", "this model", "untuned base")


def test_a_calibration_of_answers_says_what_it_is_of(spans):
    table = score_table(spans, "validation", calibration=Calibration(0.04, 0.1, ()))
    details = {row[0].value: row[0].detail for row in table.rows}
    assert details["calibration error"] == "15 bins of exact match"


def test_one_row_is_no_rows(changed):
    evaluation = {"validation": Evaluation(metrics={"accuracy": 1.0}, rows=1)}
    table = score_table(changed(evaluation=evaluation), "validation", calibration=None)
    assert table.caption.startswith("validation, 1 row,")


def test_costs_of_a_full_model_name_it_so(spans, changed):
    assert "adapter" not in costs(spans)
    assert costs(spans)["model"].value == "9.8\u202fMB"
    everything = changed(spans, trainable_parameters=136958)
    assert costs(everything)["trainable parameters"].detail == "all there are"


def test_of_a_run_on_a_gpu_its_memory_is_told_beside_the_processes(spans, changed):
    assert "peak memory of the GPU" not in costs(spans)
    on_gpu = costs(changed(spans, peak_gpu_memory_mb=20480.4))
    assert on_gpu["peak memory of the GPU"].value == "20,480 MB"


def test_where_nothing_trained_no_training_is_told(written):
    found = {name: (cell.value, cell.detail) for name, cell in costs(written).items()}
    assert found == {
        "evaluation": ("2.0\u202fs", ""),
        "peak memory": ("1,104 MB", ""),
        "trainable parameters": ("0", "of 136,958"),
    }


def test_scoring_the_base_before_training_counts_as_evaluation(record):
    untuned = {"event": "untuned", "split": "validation", "seconds": 4.0}
    found = costs(replace(record, events=[*record.events, untuned]))
    assert found["training"].detail == "and 10.0\u202fs of evaluation"


@pytest.mark.parametrize(
    ("task", "unit"), [("classify", "nats"), ("written_qa", "nats per token"), ("preference", "")]
)
def test_a_loss_has_its_unit(changed, task, unit):
    table = score_table(changed(task=task), "validation", calibration=None)
    assert table.rows[-1][0].value == "loss"
    assert table.rows[-1][0].detail == unit
