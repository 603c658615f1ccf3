"""Tables: every metric beside the baselines, the costs, the data, the surest mistakes."""

from dataclasses import replace

import pytest

from loratory.metrics.calibration import Calibration
from loratory.metrics.predictions import Prediction
from loratory.report.record import RunResult
from loratory.report.tables import costs, data_table, mistakes, score_table


def values(table):
    return {row[0].value: [cell.value for cell in row[1:]] for row in table.rows}


def wrong(number, *, sure, text="text"):
    return Prediction(f"test/{number}", text, "a", "b", {"a": 1 - sure, "b": sure})


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
    assert found["time"] == ("3\u202fmin 42\u202fs", "6.0\u202fs of evaluation")
    assert found["tokens per second"] == ("413", "1,200 tokens of training")
    assert found["trainable parameters"] == ("2,443", "1.78\u202f% of 136,958")
    assert found["adapter"][0] == "9.8\u202fMB"
    assert found["steps"] == ("15", "to the end")


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


def test_the_data_table_holds_rows_truncations_and_lengths(record):
    table = data_table(record)
    assert values(table) == {
        "train": ["60", "2", "21"],
        "validation": ["40", "0", "\N{EN DASH}"],
    }
    assert table.rows[0][-1].detail == "3 to 77, 95\u202f% up to 44"


def test_mistakes_are_the_twenty_surest_wrong_answers_in_order():
    right = Prediction("test/99", "", "a", "a", {"a": 1.0, "b": 0.0})
    unknown = Prediction("test/98", "", None, "a", {"a": 1.0, "b": 0.0})
    lines = [right, unknown, *(wrong(number, sure=number / 100) for number in range(50, 80))]
    found = mistakes(lines)
    assert [mistake.id for mistake in found] == [f"test/{n}" for n in range(79, 59, -1)]
    assert found[0].probability == 0.79
    assert (found[0].target, found[0].prediction) == ("a", "b")


def test_a_long_text_is_cut_and_what_is_cut_is_counted():
    (mistake,) = mistakes([wrong(0, sure=0.9, text="x" * 1000)])
    assert len(mistake.text) + mistake.cut == 1000
    assert mistake.cut > 0
    (whole,) = mistakes([wrong(0, sure=0.9, text="short")])
    assert (whole.text, whole.cut) == ("short", 0)
