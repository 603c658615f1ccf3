"""What a record answers: from the result where there is one, else from the log."""

from dataclasses import replace

from loratory.report.record import RunResult


def without_result(record):
    return replace(record, result=RunResult())


def test_scores_come_from_the_result(record):
    assert record.split == "validation"
    assert record.evaluation.metrics == record.result.metrics
    assert record.evaluation.intervals == record.result.intervals
    assert [baseline.name for baseline in record.baselines][-1] == "majority class"


def test_without_a_result_scores_are_the_last_ones_of_the_log(record):
    unfinished = without_result(record)
    assert unfinished.split == "validation"
    assert unfinished.evaluation.metrics == record.result.metrics
    assert unfinished.evaluation.intervals == {}
    assert unfinished.evaluation.loss == 0.5


def test_without_any_evaluation_there_are_no_scores(record):
    unfinished = replace(without_result(record), events=[])
    assert unfinished.split is None
    assert unfinished.evaluation.metrics == {}


def test_the_main_metric_is_the_one_that_chose_the_checkpoint(record):
    assert record.metric == "accuracy"
    recipe = {**record.recipe, "training": {"select": "f1"}}
    assert replace(record, recipe=recipe).metric == "f1"


def test_a_metric_that_nothing_was_scored_with_is_not_the_main_one(record):
    recipe = {**record.recipe, "training": {"select": "exact_match"}}
    assert replace(record, recipe=recipe).metric == "accuracy"


def test_classes_are_known_from_the_predictions_where_the_result_is_not_there(record):
    assert without_result(record).labels == ["negative", "positive"]
    assert replace(without_result(record), predictions={}).labels == []


def test_a_setting_of_a_damaged_recipe_is_absent(record):
    assert record.setting("method", "r") == 4
    assert replace(record, recipe={"method": "lora"}).setting("method", "r") is None
