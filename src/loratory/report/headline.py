"""What the page says first: the run in words, its main number, and how far to trust it."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from loratory.report.formats import (
    count,
    is_share,
    metric_interval,
    metric_name,
    metric_value,
    percent,
)
from loratory.report.record import BaselineScores, RunRecord

_METHODS = {"lora": "LoRA"}


@dataclass(frozen=True)
class Headline:
    """The main number and the sentences around it."""

    metric: str
    value: str
    interval: str | None
    split: str
    rows: str | None
    sentences: tuple[str, ...]


def title(record: RunRecord) -> str:
    """Return the run in one line: base, method and data."""
    parts = [base_name(record), "tuned with", method_name(record), "on", data_name(record)]
    return " ".join(parts)


def base_name(record: RunRecord) -> str:
    """Return the base's name, of a folder its last part."""
    base = record.recipe.get("base") or record.result.base or "a base model"
    return PurePath(str(base)).name


def method_name(record: RunRecord) -> str:
    """Return the method's name as the field writes it."""
    kind = str(record.setting("method", "kind") or "an unknown method")
    return _METHODS.get(kind, kind)


def data_name(record: RunRecord) -> str:
    """Return the named set, or the name of the training file."""
    name = record.setting("data", "name") or record.setting("data", "train") or "unknown data"
    return PurePath(str(name)).name


def facts(record: RunRecord) -> dict[str, str]:
    """Return what was tuned, for what, on what and how: a few words each."""
    labels = ", ".join(record.labels)
    found = {
        "Base": str(record.recipe.get("base") or record.result.base or ""),
        "Task": " ".join(filter(None, [_kind(record, "task"), labels and f"({labels})"])),
        "Data": data_name(record),
        "Method": ", ".join([method_name(record), *_settings(record, "method")]),
        "Training": ", ".join(
            f"{name.replace('_', ' ')} {_shown(value)}"
            for name in ("epochs", "batch_size", "learning_rate", "schedule")
            if (value := record.setting("training", name)) is not None
        ),
        "Seed": str(record.recipe.get("seed", "")),
    }
    return {name: words for name, words in found.items() if words}


def headline(record: RunRecord) -> Headline | None:
    """Return the main number with its interval and what to make of it; None without one."""
    metric, scores, split = record.metric, record.evaluation, record.split
    if split is None or metric not in scores.metrics:
        return None
    interval = scores.intervals.get(metric)
    rows = scores.rows or record.result.rows.get(split)
    return Headline(
        metric=metric_name(metric),
        value=metric_value(metric, scores.metrics[metric]),
        interval=metric_interval(metric, interval) if interval else None,
        split=split,
        rows=count(rows) if rows else None,
        sentences=tuple(
            filter(None, [_against_baselines(record), _selection(record), _no_width(record, rows)])
        ),
    )


def _against_baselines(record: RunRecord) -> str:
    """Say how the model stands beside its best baseline, and whether the rows settle it."""
    metric = record.metric
    rivals = [baseline for baseline in record.baselines if metric in baseline.metrics]
    if not rivals:
        return ""
    best = max(rivals, key=lambda baseline: baseline.metrics[metric])
    gap = record.evaluation.metrics[metric] - best.metrics[metric]
    distance = f"{abs(gap) * 100:.1f} points" if is_share(metric) else f"{abs(gap):.3f}"
    verdict = (
        "overlap, so these rows do not settle which is better"
        if _overlap(record, best)
        else "do not overlap"
    )
    return (
        f"{distance} {'above' if gap >= 0 else 'below'} the best baseline, {best.name} "
        f"({metric_value(metric, best.metrics[metric])}); their intervals {verdict}."
    )


def _overlap(record: RunRecord, rival: BaselineScores) -> bool:
    ours = record.evaluation.intervals.get(record.metric)
    theirs = rival.intervals.get(record.metric)
    return not ours or not theirs or (ours[0] <= theirs[1] and theirs[0] <= ours[1])


def _selection(record: RunRecord) -> str:
    """Say whether the rows behind the headline also decided something."""
    split, chosen_on = record.split, record.result.selected_on
    if not record.result.metrics:
        return "From the log of a run that has not come to its end."
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
        "little too high; rows that chose nothing, such as a test split, give one without that."
    )


def _no_width(record: RunRecord, rows: int | None) -> str:
    """Say what it means when all rows are right, or all are wrong."""
    accuracy = record.evaluation.metrics.get("accuracy")
    if accuracy not in (0, 1) or not rows:
        return ""
    return (
        f"All {count(rows)} rows came out alike, so the interval has no width; among other rows "
        f"the opposite may still happen in up to {percent(min(3 / rows, 1))} (rule of three)."
    )


def _kind(record: RunRecord, section: str) -> str:
    return str(record.setting(section, "kind") or "")


def _settings(record: RunRecord, section: str) -> list[str]:
    settings = record.recipe.get(section)
    return [
        f"{name} {_shown(value)}"
        for name, value in (settings.items() if isinstance(settings, dict) else ())
        if name != "kind" and value not in (None, [], ())
    ]


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
