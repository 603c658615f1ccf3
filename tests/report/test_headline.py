"""The headline: the number, beside its baselines, with an honest word on what chose it."""

from dataclasses import replace

from loratory.report.headline import headline
from loratory.report.record import BaselineScores, Evaluation, RunResult


def said(record):
    return " ".join(headline(record).sentences)


def against(changed, *, interval):
    baseline = BaselineScores(
        name="words", metrics={"accuracy": 0.85}, intervals={"accuracy": interval}
    )
    return said(changed(baselines={"validation": [baseline]}))


def scored(changed, accuracy, *, rows):
    evaluation = Evaluation(
        metrics={"accuracy": accuracy}, intervals={"accuracy": (accuracy, accuracy)}, rows=rows
    )
    return said(changed(evaluation={"validation": evaluation}))


def test_the_number_has_its_interval_its_split_and_its_rows(record):
    number = headline(record)
    low, high = record.result.intervals["accuracy"]
    assert number.value == "87.5\u202f%"
    assert number.interval == f"{low * 100:.1f} to {high * 100:.1f}\u202f%"
    assert (number.metric, number.split, number.rows) == ("accuracy", "validation", "40")


def test_without_an_evaluation_there_is_no_headline(record):
    assert headline(replace(record, result=RunResult(), events=[])) is None


def test_a_better_model_is_only_called_so_where_the_intervals_are_apart(changed):
    apart = against(changed, interval=(0.1, 0.2))
    assert "2.5 points above the best baseline, words (85.0\u202f%)" in apart
    assert "do not overlap" in apart
    overlapping = against(changed, interval=(0.8, 0.9))
    assert "their intervals overlap, which alone does not settle which is better" in overlapping


def test_a_model_below_its_best_baseline_is_called_that(changed):
    best = BaselineScores(
        name="words", metrics={"accuracy": 0.999}, intervals={"accuracy": (0.998, 1.0)}
    )
    worse = BaselineScores(name="chance", metrics={"accuracy": 0.5})
    words = said(changed(baselines={"validation": [worse, best]}))
    assert "12.4 points below the best baseline, words" in words
    assert "do not overlap" in words


def test_without_intervals_nothing_is_settled(changed):
    baseline = BaselineScores(name="words", metrics={"accuracy": 0.1})
    words = said(changed(baselines={"validation": [baseline]}))
    assert "without intervals it is not settled which is better" in words


def test_a_model_that_scores_as_its_baseline_is_neither_above_nor_below(changed):
    baseline = BaselineScores(name="words", metrics={"accuracy": 0.8751})
    words = said(changed(baselines={"validation": [baseline]}))
    assert "The same as the best baseline, words." in words


def test_the_base_before_training_is_told_apart_from_the_best_baseline(changed):
    rivals = [
        BaselineScores(name="untuned base", metrics={"accuracy": 0.9}),
        BaselineScores(name="words", metrics={"accuracy": 0.5}),
        BaselineScores(name="chance", metrics={"accuracy": 0.4}),
    ]
    words = said(changed(baselines={"validation": rivals}))
    assert "2.5 points below the base before training (90.0\u202f%)" in words
    assert "37.5 points above the best baseline, words (50.0\u202f%)" in words


def test_where_lower_is_better_the_lower_baseline_is_the_best(texts, changed):
    number = headline(texts)
    assert (number.metric, number.direction) == ("perplexity", "lower is better")
    value = texts.result.metrics["perplexity"]
    rivals = [
        BaselineScores(name=name, metrics={"perplexity": value + more})
        for name, more in (("far", 9.0), ("near", 2.0))
    ]
    words = said(changed(texts, baselines={"validation": rivals}))
    assert "2.00 below the best baseline, near" in words
    assert ", which is better" in words
    better = BaselineScores(name="good", metrics={"perplexity": value - 1.0})
    worse = said(changed(texts, baselines={"validation": [better]}))
    assert "1.00 above the best baseline, good" in worse
    assert ", which is worse" in worse


def test_one_row_settles_nothing(changed):
    words = scored(changed, 1.0, rows=1)
    assert "one row settles nothing" in words
    assert "the interval has no width and says nothing of others" in words
    assert "rule of three" not in words


def test_a_threshold_is_told_with_the_rows_it_was_chosen_on(spans):
    assert "above 42.0\u202f%, a threshold chosen on 20 training rows kept aside" in said(spans)


def test_a_base_as_it_is_chose_no_checkpoint_and_has_no_self_as_baseline(written):
    words = said(written)
    assert "Nothing was trained" in words
    assert "checkpoint" not in words
    assert "before training" not in words


def test_answers_that_are_all_right_are_explained_unless_they_are_scored_apart(
    spans, written, changed
):
    def all_right(record):
        metrics = {"f1": 1.0, "no_answer_accuracy": 1.0}
        evaluation = {"validation": Evaluation(metrics=metrics, rows=40)}
        return said(changed(record, evaluation=evaluation))

    assert "All 40 rows came out alike" in all_right(spans)
    assert "alike" not in all_right(written)


def test_a_score_of_some_of_the_rows_says_of_which(written, spans):
    assert headline(written).metric == "F1 of the answerable questions"
    assert headline(spans).metric == "F1"


def test_rows_that_chose_the_checkpoint_are_not_passed_off_as_unseen(record):
    assert "The same validation rows also chose the checkpoint (best of 3 evaluations" in said(
        record
    )


def test_one_evaluation_leaves_nothing_to_choose(record):
    first = [event for event in record.events if event.get("step", 0) <= 5]
    assert "nothing to choose between" in said(replace(record, events=first))


def test_rows_that_chose_nothing_are_said_to_be_so(changed):
    assert "no part" not in said(changed(selected_on="validation"))
    assert "chosen on train; these validation rows had no part" in said(
        changed(selected_on="train")
    )
    assert "No checkpoint was chosen by a score" in said(changed(selected_on=None))


def test_an_unfinished_run_says_so(record):
    assert "has not come to its end" in said(replace(record, result=RunResult()))


def test_an_interval_without_width_is_explained(changed):
    assert "up to 7.5\u202f%" in scored(changed, 1.0, rows=40)
    assert "no width" not in scored(changed, 0.9, rows=40)
