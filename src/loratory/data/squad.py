"""SQuAD's JSON format: articles of paragraphs, each with its questions and their answers.

    {"data": [{"title": …, "paragraphs": [{"context": …, "qas": [
        {"id": …, "question": …, "answers": [{"text": …, "answer_start": …}],
         "is_impossible": …}]}]}]}

Rajpurkar et al. 2016, arXiv:1606.05250; of version 2.0, which added `is_impossible`, Rajpurkar et
al. 2018, arXiv:1806.03822. What else version 2.0 holds (`plausible_answers`) is left alone.

What is wrong inside a question is a fault of that row. Where a list of questions cannot be found,
nobody can tell how many rows are lost, so that no budget of malformed rows covers it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratory.data.files import file_content
from loratory.data.lines import whole_text
from loratory.data.readers import Table, file_table, unknown_format
from loratory.data.records import Record, Records
from loratory.data.strict_json import control_fault, json_name, shown, strict_decoder
from loratory.errors import DataError

_MOST_SHOWN = 64
_FORM = (
    'write it as SQuAD does: {"data": [{"title": …, "paragraphs": [{"context": …, "qas": […]}]}]}'
)


@dataclass(frozen=True, slots=True)
class _NoJson:
    """What stands in the place of something that JSON does not have."""

    problem: str


_DECODER = strict_decoder(_NoJson)


def squad_table(path: Path, *, answered: bool = True) -> Table:
    """Return the questions of a .json file in SQuAD's format, as `squad_records` does.

    Raises:
        DataError: the file as a whole cannot be read: it is missing, of another format
            (DATA-FILE), of another encoding (DATA-ENC), empty (DATA-EMPTY), or not of this form
            (DATA-JSON, DATA-COL).
    """
    content = file_content(path)
    if path.suffix.lower() != ".json":
        raise unknown_format(path, (".json",))
    return file_table(path, content, squad_records(content, path.name, answered=answered))


def squad_records(content: bytes, name: str, *, answered: bool = True) -> Records:
    """Return a record for each question, as `QuestionRows` reads them.

    With `answered` off the answers are neither needed nor looked at, as if there were none.

    Raises:
        DataError: the file is not of this form (DATA-JSON, DATA-COL, DATA-ENC).
    """
    text = whole_text(content, name)
    if not text.strip():
        return []
    fault = control_fault(text, name)
    if fault is not None:
        raise fault
    needed = ("question", "answers") if answered else ("question",)
    return [
        _record(question, paragraph, title, place=place, needed=needed)
        for question, paragraph, title, place in _questions(_document(text, name), name)
    ]


def _document(text: str, name: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        line, problem = error.lineno, f"the file is not complete JSON ({error.msg}"
        if error.msg == "Extra data":
            problem = "there is more than one value in the file (the second"
        problem += f" at column {error.colno} of the line)"
    except RecursionError:
        line, problem = 1, "the file is nested too deeply"
    raise DataError("DATA-JSON", problem, at=f"{name}:{line}", fix=_FORM)


def _questions(document: Any, name: str) -> Iterator[tuple[Any, dict[str, Any], str, str]]:
    """Yield each question as it is, its paragraph, its article's title, and its place."""
    for n, article in enumerate(_listed(document, "data", name), start=1):
        at_article = f"{name}, article {n}"
        paragraphs = _listed(article, "paragraphs", at_article)
        title = _title(article, at_article)
        for m, paragraph in enumerate(paragraphs, start=1):
            at_paragraph = f"{at_article}, paragraph {m}"
            for number, question in enumerate(_listed(paragraph, "qas", at_paragraph), start=1):
                place = f"{at_paragraph}, question {_shown_id(question, number)}"
                yield question, paragraph, title, place


def _listed(holder: Any, key: str, place: str) -> list[Any]:
    """Return the list at `key`; an error where there is none, or the rest of the holder is no JSON.

    What is wrong inside the list belongs to its items.
    """
    beside = {k: v for k, v in holder.items() if k != key} if isinstance(holder, dict) else holder
    fault = _fault(beside, place)
    if fault is not None:
        raise fault
    if key not in holder:
        raise _missing(key, holder, place)
    items = holder[key]
    if isinstance(items, _NoJson):
        raise DataError("DATA-JSON", items.problem, at=place, fix=_FORM)
    if not isinstance(items, list):
        problem = f"{key!r} is not a list but {json_name(items)}"
        raise DataError("DATA-JSON", problem, at=place, fix=_FORM)
    return items


def _title(article: dict[str, Any], place: str) -> str:
    title = article.get("title", "")
    if isinstance(title, str):
        return title
    raise DataError(
        "DATA-TEXT",
        "the title is not text",
        at=place,
        got=shown(title),
        fix="put it in quotes, or leave it out",
    )


def _shown_id(question: Any, number: int) -> str:
    """Return the question's id, or its number in the paragraph where it has none to print."""
    given = question.get("id") if isinstance(question, dict) else None
    is_short = isinstance(given, str) and given.strip() and len(given) <= _MOST_SHOWN
    return str(given) if is_short and str(given).isprintable() else f"no. {number}"


def _record(
    question: Any, paragraph: dict[str, Any], title: str, *, place: str, needed: Sequence[str]
) -> Record | DataError:
    fault = _fault(question, place)
    if fault is not None:
        return fault
    for key, holder in (*((key, question) for key in needed), ("context", paragraph)):
        if key not in holder:
            return _missing(key, holder, place)
    answers, impossible = [], True
    if "answers" in needed:
        answers, impossible = question["answers"], question.get("is_impossible", False)
    values = (question.get("id"), question["question"], paragraph["context"])
    return Record(place, (*values, answers, impossible, title))


def _fault(value: Any, place: str) -> DataError | None:
    """Return what keeps a value from being an object of JSON."""
    problem = _problem(value)
    if problem is None and isinstance(value, dict):
        return None
    problem = problem or f"this is not an object but {json_name(value)}"
    return DataError("DATA-JSON", problem, at=place, fix=_FORM)


def _problem(value: Any) -> str | None:
    """Return what is no JSON in a value, however deep it lies."""
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, _NoJson):
            return value.problem
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return None


def _missing(key: str, holder: dict[str, Any], place: str) -> DataError:
    found = ", ".join(map(repr, list(holder)[:_MOST_SHOWN])) or "nothing"
    return DataError(
        "DATA-COL", f"required key {key!r} is missing; found: {found}", at=place, fix=_FORM
    )
