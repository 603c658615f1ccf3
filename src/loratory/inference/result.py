"""The result of a run: how good on which rows, beside what, and at what cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from loratory.batching.rows import Encoding, total_tokens
from loratory.data.audit import audit
from loratory.data.rows import Dataset, Row
from loratory.inference.teacher import Reading, Teacher
from loratory.inference.tuned import Tuned
from loratory.metrics.baselines import Baseline
from loratory.metrics.evaluate import ClassificationScores
from loratory.metrics.predictions import Prediction, read_predictions
from loratory.metrics.written_answers import WrittenScores
from loratory.recipe.schema import LabelWordsTask, base_name
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.tasks.task import Referring, Scores
from loratory.tasks.written_answers import CUT
from loratory.train.checkpoint import TrainState
from loratory.train.memory import peaks

UNTUNED = "untuned"
"""Begins the name of what the base said before training."""

_HEADLINE_ORDER = ("test", "validation")


@dataclass(frozen=True)
class RunInput:
    """The rows of a run, as data and as tokens."""

    dataset: Dataset
    encodings: Mapping[str, Encoding]
    teacher: Teacher | None = None
    reading: Reading = field(default_factory=Reading)
    """How the teacher reads what is learned from."""

    extra: tuple[Row, ...] = ()
    """Texts without labels, of which the teacher alone says something."""

    @property
    def learned_rows(self) -> tuple[Any, ...]:
        """The training rows, and behind them the extra ones."""
        return (*self.dataset.rows("train"), *self.extra)

    @property
    def learned_ids(self) -> list[str]:
        """The id of the training row that each encoded one is of."""
        rows, encoding = self.learned_rows, self.encodings["train"]
        return [rows[number].id for number in encoding.learned_of or range(len(encoding.rows))]


def run_result(
    tuned: Tuned,
    given: RunInput,
    folder: RunFolder,
    state: TrainState,
    events: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what result.json holds, from the kept predictions and the log's merged events."""
    evaluation = {
        split: _evaluation(tuned, folder, split, _event(events, split, state.best_step))
        for split in ("validation", "test")
        if folder.predictions(split).is_file()
    }
    split = next((name for name in _HEADLINE_ORDER if name in evaluation), None)
    headline = evaluation[split] if split else {"metrics": {}, "intervals": {}}
    task = tuned.recipe.task
    return {
        "run": str(folder.path),
        "metrics": headline["metrics"],
        "intervals": headline["intervals"],
        **_costs(tuned, folder, events),
        "split": split,
        "selected_on": _selected_on(events),
        "rows": {name: len(rows) for name, rows in given.dataset.splits.items()},
        "extra_rows": len(given.extra),
        "evaluation": evaluation,
        "baselines": {split: _baselines(tuned, given, folder, split) for split in evaluation},
        "truncated": {name: found.truncated for name, found in given.encodings.items()},
        # Training rows are not made into tokens where nothing trains.
        "token_lengths": {
            name: token_lengths(found) for name, found in given.encodings.items() if found.rows
        },
        "train_tokens": total_tokens(given.encodings["train"].rows),
        "audit": audit(given.dataset).to_json(),
        "warnings": warnings(given),
        "steps": state.step,
        "best_step": state.best_step,
        "stopped": next((e["reason"] for e in reversed(events) if e["event"] == "stop"), None),
        "labels": list(given.dataset.labels),
        "task": task.kind,
        "score_rule": task.score if isinstance(task, LabelWordsTask) else None,
        "main_metric": tuned.recipe.training.select or tuned.task.main_metric,
        "settled": read_json(folder.settled) if folder.settled.is_file() else {},
        "cut": {name: found["cut"] for name, found in evaluation.items() if "cut" in found},
        "signature": next((found["signature"] for found in evaluation.values()), None),
        "windows": {name: _pieces(found) for name, found in given.encodings.items()},
        "base": base_name(tuned.recipe.base),
        "seed": tuned.recipe.seed,
    }


def token_lengths(encoding: Encoding) -> dict[str, float]:
    """Return the shortest, the median, the 95th percentile and the longest row, in tokens."""
    lengths = [len(row) for row in encoding.rows] or [0]
    low, middle, high, most = np.percentile(lengths, [0, 50, 95, 100])
    return {"min": low, "median": middle, "p95": high, "max": most}


def warnings(given: RunInput) -> list[str]:
    """Return what a person must know before they believe numbers on these rows."""
    found = list(given.dataset.warnings)
    for split, encoding in given.encodings.items():
        whose = f"{split} and extra texts" if split == "train" and given.extra else split
        found += [f"{whose}: {note}" for note in encoding.notes]
        if encoding.truncated:
            found.append(f"{whose}: {encoding.truncated} texts were cut at task.max_length")
    if not given.encodings.keys() & {"validation", "test"}:
        found.append(
            "no rows were held out, so nothing is known of the quality: set data.holdout, "
            "data.validation or data.test"
        )
    return found


def _selected_on(events: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the split that chose the checkpoint: none where it was looked at but once."""
    looks = [e for e in events if e["event"] == "evaluation" and e["split"] == "validation"]
    return "validation" if len({look["step"] for look in looks}) > 1 else None


def _event(
    events: Sequence[Mapping[str, Any]], split: str, best_step: int | None
) -> Mapping[str, Any]:
    """Return the evaluation whose predictions were kept: of validation, that of the best step."""
    found = [
        event for event in events if event["event"] == "evaluation" and event["split"] == split
    ]
    kept = [event for event in found if split != "validation" or event["step"] == best_step]
    return kept[-1] if kept else {}


def _evaluation(
    tuned: Tuned, folder: RunFolder, split: str, event: Mapping[str, Any]
) -> dict[str, Any]:
    lines = read_predictions(folder.predictions(split))
    scores = tuned.task.score(lines)
    return {
        "metrics": scores.metrics,
        "intervals": scores.intervals,
        "rows": len(lines),
        "loss": event.get("eval/loss"),
        "seconds": event.get("seconds"),
        "tokens": event.get("tokens"),
        "signature": scores.signature if isinstance(scores, WrittenScores) else None,
        "calibration": _calibration(scores),
        **_cut(lines),
    }


def _cut(lines: Sequence[Prediction]) -> dict[str, int]:
    """Return how many answers the length limit cut; nothing where none is written."""
    found = [line.scores[CUT] for line in lines if CUT in line.scores]
    return {"cut": sum(cut > 0 for cut in found)} if found else {}


def _calibration(scores: Scores) -> dict[str, float] | None:
    if not isinstance(scores, ClassificationScores):
        return None
    found = scores.calibration
    return {
        "expected_calibration_error": found.expected_calibration_error,
        "brier_score": found.brier_score,
    }


def _costs(tuned: Tuned, folder: RunFolder, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: Counter[str] = Counter()
    for event in events:
        if event["event"] == "step":
            total.update({"seconds": event["seconds"], "tokens": event["tokens"]})
    # What is not computed in the steps any more: once, though each attempt computes or reads it.
    once = (_longest(events, kind) or 0 for kind in ("frozen_states", "references"))
    seconds = total["seconds"] + sum(once)
    outline = next(event for event in events if event["event"] in {"start", "continue"})
    return {
        "seconds": seconds,
        "teacher_seconds": _longest(events, "teacher"),
        "tokens_per_second": total["tokens"] / seconds if seconds else None,
        **_most_held(tuned, events),
        "trainable_parameters": outline["trainable_parameters"],
        "total_parameters": outline["total_parameters"],
        "adapter_bytes": _size(folder.adapter),
    }


def _most_held(tuned: Tuned, events: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the most memory that an attempt held, None of a GPU where none was used."""
    now = peaks(tuned.compute.device)
    attempts = [now, *(event for event in events if event["event"] == "stop")]
    known = {name: [e[name] for e in attempts if e.get(name) is not None] for name in now}
    return {name: max(values, default=None) for name, values in known.items()}


def _longest(events: Sequence[Mapping[str, Any]], kind: str) -> float | None:
    """Return the seconds of the longest event of a kind, None where there was none."""
    return max((e.get("seconds", 0) for e in events if e["event"] == kind), default=None)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _baselines(
    tuned: Tuned, given: RunInput, folder: RunFolder, split: str
) -> list[dict[str, Any]]:
    """Return the scores of what costs next to nothing, and of the base before training."""
    rows = given.dataset.rows(split)
    baselines = tuned.task.baselines(given.dataset.rows("train"), rows)
    path = folder.predictions(f"{UNTUNED}-{split}")
    if isinstance(tuned.task, Referring) and tuned.task.refers:
        lines = read_predictions(folder.predictions(split))
        baselines.insert(0, tuned.task.before_training(lines))
    elif path.is_file():
        scores = tuned.task.score(read_predictions(path))
        baselines.insert(0, Baseline("untuned base", scores.metrics, scores.intervals))
    return [asdict(baseline) for baseline in baselines]


def _pieces(encoding: Encoding) -> int:
    """Return how many pieces the rows of a split are asked in."""
    return sum(map(len, encoding.asked))
