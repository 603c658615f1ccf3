"""Prediction lines: what a model said about each row, one JSON object per line.

    {"id": "validation/17", "text": "…", "target": "positive", "prediction": "negative",
     "scores": {"negative": 0.93, "positive": 0.07}}

A question's target is the list of its right answers, empty where its context has none, and its
scores are the probabilities of the candidate answers, of "" for none. Its `group` is the paragraph:
questions on the same one have it in common. Lines of other rows have no such key.

Every metric, interval, comparison and report is computed from these lines.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loratory.errors import DataError
from loratory.runs.atomic import write_file

_MOST = sys.float_info.max
_FIX = "write the file again with `loratory evaluate` or `loratory predict`"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model said about one row."""

    id: str
    text: str
    target: str | tuple[str, ...] | None
    """The right answer, or all that count as right; None where nobody knows it."""

    prediction: str
    scores: dict[str, float]
    """Probability, or another number, of each candidate."""

    group: str | None = None
    """What rows have in common that are not independent of each other; None where all are."""


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write one line per prediction, all of them or none."""
    lines = [
        json.dumps(_values(prediction), ensure_ascii=False, allow_nan=False)
        for prediction in predictions
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, "".join(f"{line}\n" for line in lines))


def read_predictions(path: Path) -> list[Prediction]:
    """Return the predictions in `path`, in the order of its lines.

    Raises:
        DataError: a line is not an object with the five keys and their types (DATA-JSON,
            EVAL-MISSING, EVAL-TYPE), or an id is given twice (DATA-ID).
    """
    predictions: list[Prediction] = []
    places: dict[str, str] = {}
    # Not splitlines(): a text may hold U+2028, which JSON does not escape.
    for number, line in enumerate(_content(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        prediction = _prediction(line, place)
        if prediction.id in places:
            raise DataError(
                "DATA-ID",
                f"id {prediction.id!r} is also at {places[prediction.id]}",
                at=place,
                fix="keep one line per id",
            )
        places[prediction.id] = place
        predictions.append(prediction)
    return predictions


def _values(prediction: Prediction) -> dict[str, Any]:
    values = asdict(prediction)
    return {key: value for key, value in values.items() if key != "group" or value is not None}


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            "DATA-FILE", "there is no such prediction file", at=str(path), fix=_FIX
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            "DATA-ENC", f"byte {error.start} is not UTF-8", at=str(path), fix=_FIX
        ) from None


def _prediction(line: str, place: str) -> Prediction:
    """Return the prediction that one line holds, checked key by key."""
    try:
        values: Any = json.loads(line)
    except ValueError as error:
        raise DataError(
            "DATA-JSON", f"the line is not complete JSON ({error})", at=place, fix=_FIX
        ) from None
    if not isinstance(values, dict):
        raise DataError(
            "DATA-JSON", "the line is not an object", at=place, got=values, expected="{…}", fix=_FIX
        )
    for key in Prediction.__slots__:
        if key not in values and key != "group":
            raise DataError("EVAL-MISSING", f"{key!r} is missing", at=place, fix=_FIX)
    checks = {
        "id": (isinstance(values["id"], str), "text"),
        "text": (isinstance(values["text"], str), "text"),
        "target": (_is_target(values["target"]), "text, a list of texts, or null"),
        "prediction": (isinstance(values["prediction"], str), "text"),
        "scores": (_are_scores(values["scores"]), "a finite number per class"),
        "group": (isinstance(values.get("group"), str | None), "text"),
    }
    for key, (passes, expected) in checks.items():
        if not passes:
            raise _wrong_type(key, values[key], expected=expected, place=place)
    if isinstance(values["target"], list):
        values["target"] = tuple(values["target"])
    return Prediction(**{key: values[key] for key in checks if key in values})


def _is_target(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(answer, str) for answer in value)
    return isinstance(value, str | None)


def _are_scores(value: object) -> bool:
    return isinstance(value, dict) and all(
        # Not isfinite(): a whole number in JSON may be larger than any that it takes.
        isinstance(score, int | float) and not isinstance(score, bool) and abs(score) <= _MOST
        for score in value.values()
    )


def _wrong_type(key: str, value: object, *, expected: str, place: str) -> DataError:
    # A null would be left out of the message if it were passed as it is.
    got = "null" if value is None else value
    return DataError(
        "EVAL-TYPE", f"{key!r} has the wrong type", at=place, got=got, expected=expected, fix=_FIX
    )
