"""The page's tables: scores beside baselines, costs, data, and the most confident mistakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loratory.metrics.calibration import Calibration
from loratory.metrics.predictions import Prediction
from loratory.report.formats import (
    NOTHING,
    count,
    decimal,
    duration,
    metric_interval,
    metric_name,
    metric_value,
    percent,
    size,
)
from loratory.report.record import RunRecord, Scores, TokenLengths

_MISTAKES = 20
_LONGEST_TEXT = 320


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


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that the model was sure of."""

    id: str
    text: str
    cut: int
    """Characters of the text that are not shown."""

    target: str
    prediction: str
    probability: float


def score_table(record: RunRecord, split: str, *, calibration: Calibration | None) -> Table:
    """Return every metric on one split with its interval, the baselines beside the model."""
    scores = record.evaluations[split]
    systems: list[Scores] = [scores, *record.result.baselines.get(split, [])]
    rows = [
        (
            Cell(metric_name(metric)),
            *(
                Cell(
                    metric_value(metric, system.metrics[metric]),
                    metric_interval(metric, system.intervals[metric])
                    if metric in system.intervals
                    else "",
                )
                if metric in system.metrics
                else Cell(NOTHING)
                for system in systems
            ),
        )
        for metric in scores.metrics
    ]
    others = (Cell(NOTHING),) * (len(systems) - 1)
    if scores.loss is not None:
        rows.append((Cell("loss", "nats"), Cell(decimal(scores.loss)), *others))
    if calibration:
        error = percent(calibration.expected_calibration_error)
        rows.append((Cell("calibration error", "15 bins"), Cell(error), *others))
        rows.append((Cell("Brier score"), Cell(decimal(calibration.brier_score)), *others))
    amount = scores.rows or record.result.rows.get(split)
    used = ", also used to choose the checkpoint" if record.result.selected_on == split else ""
    return Table(
        caption=f"{split}{f', {count(amount)} rows' if amount else ''}{used}",
        columns=("", "this model", *(b.name for b in record.result.baselines.get(split, []))),
        rows=tuple(rows),
    )


def costs(record: RunRecord) -> dict[str, Cell]:
    """Return what the run took, by name; what is not recorded is left out."""
    result = record.result
    trainable, share = _trainable(record)
    found: list[tuple[str, float | None, Callable[[float], str], str]] = [
        ("time", result.seconds, duration, _evaluating(record)),
        ("tokens per second", result.tokens_per_second, count, _tokens(record)),
        ("peak memory", result.peak_memory_mb, lambda amount: f"{count(amount)} MB", ""),
        ("trainable parameters", trainable, count, share),
        ("adapter", result.adapter_bytes, size, "on disk"),
        ("steps", result.steps, count, _end(record)),
    ]
    return {
        name: Cell(shown(value), detail)
        for name, value, shown, detail in found
        if value is not None
    }


def data_table(record: RunRecord) -> Table:
    """Return how many rows each split has, how long their texts are and how many were cut."""
    result = record.result
    started = next(iter(record.events_of("start")), {})
    rows = []
    for split, amount in (result.rows or started.get("rows") or {}).items():
        lengths = result.token_lengths.get(split)
        cut = result.truncated.get(split)
        rows.append(
            (
                Cell(split),
                Cell(count(amount)),
                Cell(NOTHING if cut is None else count(cut)),
                Cell(count(lengths.median), _spread(lengths)) if lengths else Cell(NOTHING),
            )
        )
    columns = ("", "rows", "truncated rows", "median tokens of a row")
    return Table(caption="", columns=columns, rows=tuple(rows))


def mistakes(predictions: Sequence[Prediction]) -> list[Mistake]:
    """Return the twenty wrong answers with the highest probability, the highest first."""
    wrong = [line for line in predictions if line.target not in (None, line.prediction)]
    wrong.sort(key=lambda line: line.scores.get(line.prediction, 0.0), reverse=True)
    return [
        Mistake(
            id=line.id,
            text=line.text[:_LONGEST_TEXT],
            cut=max(len(line.text) - _LONGEST_TEXT, 0),
            target=str(line.target),
            prediction=line.prediction,
            probability=line.scores.get(line.prediction, 0.0),
        )
        for line in wrong[:_MISTAKES]
    ]


def _spread(lengths: TokenLengths) -> str:
    most = percent(0.95, decimals=0)
    return f"{count(lengths.min)} to {count(lengths.max)}, {most} up to {count(lengths.p95)}"


def _trainable(record: RunRecord) -> tuple[int | None, str]:
    """Return how many parameters train, and which share of all that is in words."""
    started = next(iter(record.events_of("start")), {})
    trainable = record.result.trainable_parameters or started.get("trainable_parameters")
    total = record.result.total_parameters or started.get("total_parameters")
    if not trainable or not total:
        return trainable, ""
    return trainable, f"{percent(trainable / total, decimals=2)} of {count(total)}"


def _evaluating(record: RunRecord) -> str:
    seconds = sum(event.get("seconds") or 0 for event in record.events_of("evaluation"))
    return f"{duration(seconds)} of evaluation" if seconds else ""


def _tokens(record: RunRecord) -> str:
    tokens = record.result.train_tokens
    return f"{count(tokens)} tokens of training" if tokens else ""


def _end(record: RunRecord) -> str:
    """Say how the run ended, and how often it was resumed."""
    reasons = {"finished": "to the end", "early": "stopped early", "interrupted": "interrupted"}
    stopped = record.result.stopped
    resumed = len(record.events_of("resume"))
    times = {0: "", 1: "resumed once"}.get(resumed, f"resumed {resumed} times")
    return ", ".join(filter(None, [reasons.get(stopped or "", stopped), times]))
