"""What the page says first: the main number, and how far to trust it."""

from dataclasses import dataclass

from loratory.metrics.direction import is_better
from loratory.report.formats import (
    count,
    metric_direction,
    metric_gap,
    metric_interval,
    metric_name,
    metric_value,
    percent,
    probability,
)
from loratory.report.record import ASIDE, UNTUNED, BaselineScores, RunRecord


@dataclass(frozen=True)
class Headline:
    """The main number and the sentences around it."""

    metric: str
    direction: str
    """Which end is the better one, where that is not the usual one."""

    value: str
    interval: str | None
    split: str
    rows: str | None
    sentences: tuple[str, ...]


def headline(record: RunRecord) -> Headline | None:
    """Return the main number with its interval and what to make of it; None without one."""
    metric, scores, split = record.metric, record.evaluation, record.split
    if split is None or metric not in scores.metrics:
        return None
    interval = scores.intervals.get(metric)
    rows = _rows(record)
    sentences = [
        _against_untuned(record),
        _against_baselines(record),
        _selection(record),
        _settled(record),
        _no_width(record, rows),
    ]
    return Headline(
        metric=f"{metric_name(metric)}{_scope(record)}",
        direction=metric_direction(metric),
        value=metric_value(metric, scores.metrics[metric]),
        interval=metric_interval(metric, interval) if interval else None,
        split=split,
        rows=count(rows) if rows else None,
        sentences=tuple(filter(None, sentences)),
    )


def _scope(record: RunRecord) -> str:
    """Say which of the rows the metric is of, where its name does not."""
    whole = metric_name(record.metric)
    return " of the answerable questions" if record.scored_apart and "," not in whole else ""


def _against_untuned(record: RunRecord) -> str:
    """Say what training has changed."""
    before = next((rival for rival in _rivals(record) if rival.name == UNTUNED), None)
    return _against(record, before, called="the base before training") if before else ""


def _against_baselines(record: RunRecord) -> str:
    """Say how the model stands beside its best baseline, and whether the rows settle it."""
    best: BaselineScores | None = None
    for rival in _rivals(record):
        value = rival.metrics[record.metric]
        if rival.name != UNTUNED and (
            best is None or is_better(record.metric, value, best.metrics[record.metric])
        ):
            best = rival
    return _against(record, best, called=f"the best baseline, {best.name}") if best else ""


def _rivals(record: RunRecord) -> list[BaselineScores]:
    return [baseline for baseline in record.baselines if record.metric in baseline.metrics]


def _against(record: RunRecord, rival: BaselineScores, *, called: str) -> str:
    metric = record.metric
    ours, theirs = record.evaluation.metrics[metric], rival.metrics[metric]
    if metric_value(metric, ours) == metric_value(metric, theirs):
        return f"The same as {called}."
    where = "above" if ours > theirs else "below"
    return (
        f"{metric_gap(metric, ours - theirs)} {where} {called} ({metric_value(metric, theirs)})"
        f"{_judged(metric, ours, theirs)}; {_verdict(record, rival)}."
    )


def _judged(metric: str, ours: float, theirs: float) -> str:
    """Say which is better where above and below do not."""
    if not metric_direction(metric):
        return ""
    return f", which is {'better' if is_better(metric, ours, theirs) else 'worse'}"


def _verdict(record: RunRecord, rival: BaselineScores) -> str:
    """Say what the intervals tell: both are of the same rows, so overlap does not mean alike."""
    if _rows(record) == 1:
        return "one row settles nothing"
    ours = record.evaluation.intervals.get(record.metric)
    theirs = rival.intervals.get(record.metric)
    if not ours or not theirs:
        return "without intervals it is not settled which is better"
    if ours[0] <= theirs[1] and theirs[0] <= ours[1]:
        return "their intervals overlap, which alone does not settle which is better"
    return "their intervals do not overlap"


def _rows(record: RunRecord) -> int | None:
    return record.evaluation.rows or record.result.rows.get(record.split or "")


def _selection(record: RunRecord) -> str:
    """Say whether the rows behind the headline also decided something."""
    split, chosen_on = record.split, record.result.selected_on
    if not record.finished:
        return "From the log of a run that has not come to its end."
    if record.untrained:
        return "Nothing was trained: this is the base as it is."
    if chosen_on is None:
        return "No checkpoint was chosen by a score: these are the weights after the last step."
    if chosen_on != split:
        return f"The checkpoint was chosen on {chosen_on}; these {split} rows had no part in it."
    looks = len(
        {
            event.get("step")
            for event in record.events_of("evaluation")
            if event.get("split") == split
        }
    )
    if looks == 1:
        return (
            f"The {split} rows also choose the checkpoint, but there was one evaluation and so "
            "nothing to choose between."
        )
    step = f", step {count(record.result.best_step)}" if record.result.best_step else ""
    among = f"best of {looks} evaluations{step}" if looks else f"best evaluation{step}"
    return (
        f"The same {split} rows also chose the checkpoint ({among}), so this number is likely a "
        "little too good; rows that chose nothing, such as a test split, give one without that."
    )


def _settled(record: RunRecord) -> str:
    """Say what was chosen after training, and on which rows."""
    threshold = record.result.settled.get("no_answer_threshold")
    if threshold is None:
        return ""
    rows = record.result.rows.get(ASIDE)
    amount = f"{count(rows)} " if rows else ""
    return (
        f"“No answer” is said where its probability against the best span is above "
        f"{probability(threshold)}, a threshold chosen on {amount}training rows kept aside for it."
    )


def _no_width(record: RunRecord, rows: int | None) -> str:
    """Say what it means when all rows are right, or all are wrong."""
    if rows == 1:
        return "One row has no spread, so the interval has no width and says nothing of others."
    metrics = record.evaluation.metrics
    of_all_rows = metrics.get("accuracy", metrics.get("f1"))
    if of_all_rows not in (0, 1) or record.scored_apart or not rows:
        return ""
    return (
        f"All {count(rows)} rows came out alike, so the interval has no width; among other rows "
        f"the opposite may still happen in up to {percent(min(3 / rows, 1))} (rule of three)."
    )
