"""The headline: the number, beside its baselines, with an honest word on what chose it."""

from dataclasses import replace

from loratory.report.headline import facts, headline, title
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


def test_the_title_names_base_method_and_data(record):
    assert title(record) == "gpt2-tiny tuned with LoRA on rotten_tomatoes"


def test_the_title_needs_no_recipe(record):
    assert title(replace(record, recipe={})).startswith("gpt2-tiny tuned with")
    assert title(replace(record, recipe={}, result=RunResult()))


def test_the_facts_hold_the_methods_settings(record):
    assert facts(record)["Method"] == "LoRA, r 4, lora_alpha 8, target_modules c_attn c_proj"
    assert facts(record)["Task"] == "classify (negative, positive)"
    assert "learning rate 0.0005" in facts(record)["Training"]
    assert facts(record)["Seed"] == "7"


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
    assert "do not settle which is better" in against(changed, interval=(0.8, 0.9))


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
    assert "do not settle" in said(changed(baselines={"validation": [baseline]}))


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
