"""The page's tables: scores beside baselines, costs, and hard texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

from loratory.metrics.calibration import Calibration
from loratory.metrics.predictions import Prediction
from loratory.report.formats import (
    NOTHING,
    among,
    count,
    decimal,
    duration,
    megabytes,
    metric_direction,
    metric_interval,
    metric_name,
    metric_value,
    percent,
    size,
)
from loratory.report.record import RunRecord, Scores

_TEXTS = 8  # of a table
_LONGEST_TEXT = 160  # characters
_HIGHEST = 700.0  # nats per token; beyond, the perplexity is no number any more


@dataclass(frozen=True)
class Cell:
    """A value, and in smaller print what belongs to it."""

    value: str
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, each under a column's name; the first cell names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def score_table(
    record: RunRecord,
    split: str,
    *,
    calibration: Calibration | None,
    before: Calibration | None = None,
) -> Table:
    """Return every metric on one split with its interval, the baselines beside the model.

    `before` is the calibration before a temperature was chosen.
    """
    scores, baselines = record.evaluations[split], record.baselines_on(split)
    systems: list[Scores] = [scores, *baselines]
    rows = [
        (
            Cell(metric_name(metric), metric_direction(metric)),
            *(_score(system, metric) for system in systems),
        )
        for metric in scores.metrics
    ]
    others = (Cell(NOTHING),) * len(baselines)
    if scores.loss is not None and "nats_per_token" not in scores.metrics:
        unit = record.loss_unit + (", before the temperature" if before else "")
        rows.append((Cell("loss", unit), Cell(decimal(scores.loss)), *others))
    if calibration:
        error, brier = _calibrated(calibration, before)
        right = "" if "accuracy" in scores.metrics else " of exact match"
        rows.append((Cell("calibration error", f"15 bins{right}"), error, *others))
        rows.append((Cell("Brier score"), brier, *others))
    amount = scores.rows or record.result.rows.get(split)
    rows_of = f", {count(amount)} {'row' if amount == 1 else 'rows'}" if amount else ""
    used = ", also used to choose the checkpoint" if record.result.selected_on == split else ""
    return Table(
        caption=f"{split}{rows_of}{used}",
        columns=("", "this model", *(baseline.name for baseline in baselines)),
        rows=tuple(rows),
    )


def _calibrated(calibration: Calibration, before: Calibration | None) -> tuple[Cell, Cell]:
    """Return calibration error and Brier score, each with what the temperature made of it."""
    found = [
        (percent(one.expected_calibration_error), decimal(one.brier_score))
        for one in (calibration, before)
        if one
    ]
    cells = [
        Cell(now, *(f"{earlier} before the temperature" for earlier in then))
        for now, *then in zip(*found, strict=True)
    ]
    return cells[0], cells[1]


def costs(record: RunRecord) -> dict[str, Cell]:
    """Return what the run took, by name; what is not recorded, or was not done, is left out."""
    result = record.result
    parameters, share = _trainable(record)
    looking = _evaluating(record)
    beside = {"evaluation": looking, "asking the teacher": result.teacher_seconds}
    also = ", ".join(f"{duration(taken)} of {what}" for what, taken in beside.items() if taken)
    kept = "model" if record.setting("method", "kind") == "full" else "adapter"
    found: list[tuple[str, float | None, Callable[[float], str], str]] = [
        ("training", result.seconds, duration, also and f"and {also}"),
        ("tokens per second", result.tokens_per_second, count, _tokens(record)),
        ("peak memory", result.peak_memory_mb, megabytes, ""),
        ("peak memory of the GPU", result.peak_gpu_memory_mb, megabytes, ""),
        ("trainable parameters", parameters, count, share),
        (kept, result.adapter_bytes, size, "on disk"),
        ("steps", result.steps, count, _end(record)),
    ]
    if record.untrained:
        found = [("evaluation", looking, duration, ""), *found[2:5]]
    return {
        name: Cell(shown(value), detail)
        for name, value, shown, detail in found
        if value is not None
    }


def extra_texts(record: RunRecord, split: str) -> str:
    """Say of how many texts without labels the training rows' numbers are, too."""
    amount = record.result.extra_rows if split == "train" else 0
    return f"and {count(amount)} extra {'text' if amount == 1 else 'texts'}" if amount else ""


def text_tables(lines: Sequence[Prediction]) -> list[Table]:
    """Return the hardest texts and, where there are others, the longest; from their nats."""
    tables = [_texts("The hardest first", sorted(lines, key=_nats_per_token, reverse=True))]
    if len(lines) > _TEXTS:
        longest = sorted(lines, key=lambda line: line.scores["tokens"], reverse=True)
        tables.append(_texts("The longest first", longest))
    return tables


def _texts(caption: str, lines: Sequence[Prediction]) -> Table:
    rows = tuple(
        (
            Cell(_beginning(line.text), line.id),
            Cell(count(line.scores["tokens"])),
            Cell(among(exp(min(_nats_per_token(line), _HIGHEST)))),
        )
        for line in lines[:_TEXTS]
    )
    return Table(caption, ("text", "tokens", "perplexity"), rows)


def _nats_per_token(line: Prediction) -> float:
    return line.scores["nats"] / line.scores["tokens"]


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _score(system: Scores, metric: str) -> Cell:
    if metric not in system.metrics:
        return Cell(NOTHING)
    interval = system.intervals.get(metric)
    return Cell(
        metric_value(metric, system.metrics[metric]),
        metric_interval(metric, interval) if interval else "",
    )


def _trainable(record: RunRecord) -> tuple[int | None, str]:
    """Return how many parameters train, and which share of all that is in words."""
    started = next(iter(record.events_of("start")), {})
    recorded = (record.result.trainable_parameters, started.get("trainable_parameters"))
    trainable = next((amount for amount in recorded if amount is not None), None)
    total = record.result.total_parameters or started.get("total_parameters")
    if trainable is None or not total:
        return trainable, ""
    if trainable == total:
        return trainable, "all there are"
    share = f"{percent(trainable / total, decimals=2)} " if trainable else ""
    return trainable, f"{share}of {count(total)}"


def _evaluating(record: RunRecord) -> float | None:
    """Return the seconds of all evaluations, None where none was timed."""
    events = record.events_of("evaluation") + record.events_of("untuned")
    return sum(event.get("seconds") or 0 for event in events) or None


def _tokens(record: RunRecord) -> str:
    tokens = record.result.train_tokens
    also = f" {extra}" if (extra := extra_texts(record, "train")) else ""
    return f"{count(tokens)} tokens in the training rows{also}" if tokens else ""


def _end(record: RunRecord) -> str:
    """Say how the run ended, and how often it was resumed."""
    reasons = {"finished": "to the end", "early": "stopped early", "interrupted": "interrupted"}
    stopped = record.result.stopped
    resumed = len(record.events_of("resume"))
    times = {0: "", 1: "resumed once"}.get(resumed, f"resumed {resumed} times")
    return ", ".join(filter(None, [reasons.get(stopped or "", stopped), times]))
