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


def test_without_a_selection_the_main_metric_is_that_of_the_result_else_of_the_task(
    record, texts, spans
):
    def metric(of, **values):
        return replace(of, result=of.result.model_copy(update=values)).metric

    assert metric(record, main_metric="recall") == "recall"
    assert metric(record, main_metric="no such") == "accuracy"
    assert metric(record, main_metric=None) == "accuracy"
    assert metric(spans, main_metric=None) == "f1"
    assert metric(texts, main_metric=None) == "perplexity"


def test_the_task_is_known_from_the_result_else_from_the_recipe(spans):
    assert spans.task == "span_qa"
    assert without_result(spans).task == "span_qa"
    assert replace(without_result(spans), recipe={}).task == "classify"


def test_rows_kept_aside_are_no_split_to_report_on(record):
    aside = {"event": "evaluation", "step": 15, "split": "threshold", "eval/accuracy": 1.0}
    unfinished = replace(without_result(record), events=[*record.events, aside])
    assert [*unfinished.evaluations] == ["validation"]


def test_of_an_unfinished_run_the_test_rows_come_first(record):
    events = [
        {"event": "evaluation", "step": 1, "split": split, "eval/accuracy": 0.5}
        for split in ("test", "validation")
    ]
    assert replace(without_result(record), events=events).split == "test"


def test_a_run_is_finished_when_it_has_a_result_with_or_without_scores(record):
    assert record.finished
    assert replace(record, result=RunResult(steps=15, stopped="finished")).finished
    assert not without_result(record).finished


def test_a_base_that_was_not_tuned_is_no_baseline_of_itself(written, texts):
    assert written.untrained
    assert written.baselines == []
    assert not texts.untrained
    assert [baseline.name for baseline in texts.baselines] == ["untuned base"]


def test_a_linear_probe_is_trained_and_its_base_a_baseline(texts):
    probed = replace(texts, recipe={"method": {"kind": "head"}})
    assert not probed.untrained
    assert [baseline.name for baseline in probed.baselines] == ["untuned base"]


def test_questions_have_no_classes(spans):
    assert spans.labels == []
    assert without_result(spans).labels == []


def test_classes_are_known_from_the_predictions_where_the_result_is_not_there(record):
    assert without_result(record).labels == ["negative", "positive"]
    assert replace(without_result(record), predictions={}).labels == []


def test_a_setting_of_a_damaged_recipe_is_absent(record):
    assert record.setting("method", "r") == 4
    assert replace(record, recipe={"method": "lora"}).setting("method", "r") is None
