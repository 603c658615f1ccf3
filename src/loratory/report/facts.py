"""What the run was, in words: base, task, data, method and training."""

from pathlib import PurePath
from typing import Any

from loratory.recipe.schema import METHODS
from loratory.report.formats import count
from loratory.report.record import RunRecord

# What some methods make of the base; with the others it is "tuned with" them.
_TUNED = {
    "full": "tuned in full on",
    "prompt": "with a prompt tuned on",
    "prefix": "with a prefix tuned on",
    "head": "with a head trained on",
    "peft": "with an adapter tuned further on",
    "none": "as it is, on",
    "prompting": "prompted on",
}
_TRAINING = ("epochs", "batch_size", "learning_rate", "schedule")


def title(record: RunRecord) -> str:
    """Return the run in one line: base, method and data."""
    kind, called = _method(record)
    tuned = _TUNED.get(kind, f"tuned with {called} on")
    return f"{_last_part(_base(record) or 'a base model')} {tuned} {_data_name(record)}"


def facts(record: RunRecord) -> dict[str, str]:
    """Return what was tuned, for what, on what and how: a few words each."""
    _, called = _method(record)
    found = {
        "Base": _base(record),
        "Task": _task(record),
        "Data": _data_name(record),
        "Method": ", ".join([called, *_settings(record, "method")]),
        "Teacher": _teacher(record),
        "Training": "" if record.untrained else _training(record),
        "Seed": str(record.recipe.get("seed", "")),
    }
    return {name: words for name, words in found.items() if words}


def _method(record: RunRecord) -> tuple[str, str]:
    """Return the method's kind, and what it is called."""
    kind = str(record.setting("method", "kind") or "an unknown method")
    known = METHODS.get(kind)
    return kind, known.called if known else kind


def _base(record: RunRecord) -> str:
    base = record.recipe.get("base")
    return str(base if base and isinstance(base, str) else record.result.base or "")


def _teacher(record: RunRecord) -> str:
    """Return who taught and what was learned, where there was a teacher."""
    settings = _settings(record, "distillation")
    formula = "loss = alpha · T² · KL(teacher ‖ student) + (1 - alpha) · cross-entropy"
    return ", ".join([*settings, formula]) if settings else ""


def _data_name(record: RunRecord) -> str:
    """Return the named set, or the name of the training file."""
    name = record.setting("data", "name") or record.setting("data", "train") or "unknown data"
    return _last_part(str(name))


def _task(record: RunRecord) -> str:
    """Return the task in words, with its classes, its solved examples, or how answers are made."""
    details = [", ".join(record.labels)]
    examples = record.setting("task", "examples")
    shots = len(examples) if examples else record.setting("task", "shots")
    if shots:
        details.append(f"{shots} solved {'example' if shots == 1 else 'examples'} before each")
    if record.setting("task", "unanswerable"):
        details.append("or say that there is none")
    decoding = record.setting("task", "decoding")
    if isinstance(decoding, dict):
        most = decoding.get("max_new_tokens")
        details.append(str(decoding.get("kind") or "greedy"))
        details += [f"at most {count(most)} tokens"] if isinstance(most, int) else []
    in_brackets = "; ".join(filter(None, details))
    words = record.known_task.called if record.known_task else record.task
    return f"{words} ({in_brackets})" if in_brackets else words


def _training(record: RunRecord) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(value)}"
        for name in _TRAINING
        if (value := record.setting("training", name)) is not None
    )


def _settings(record: RunRecord, section: str) -> list[str]:
    settings = record.recipe.get(section)
    return [
        f"{name} {_shown(value)}"
        for name, value in (settings.items() if isinstance(settings, dict) else ())
        if name != "kind" and value is not False and value not in (None, [], (), {})
    ]


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}: {_shown(held)}" for key, held in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _last_part(path: str) -> str:
    return PurePath(path).name
