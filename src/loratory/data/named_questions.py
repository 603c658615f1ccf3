"""The sets of questions that Loratory knows, and the reader of questions.

With `data.dir`, their files in `data.dir/FOLDER/`, named after the split or as SQuAD's authors name
them; SQuAD's development set is the validation split here. Without it they come from the hub.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loratory.data.files import missing_file
from loratory.data.hub import HubCopy, hub_tables
from loratory.data.questions import QuestionRows
from loratory.data.readers import Table
from loratory.data.reading import Reading, own_files
from loratory.data.records import Record
from loratory.data.squad import squad_table
from loratory.errors import DataError
from loratory.recipe.schema import DataSection


@dataclass(frozen=True)
class QuestionSet:
    """One published set of questions."""

    folder: str
    """Of its files, in `data.dir`."""

    files: Mapping[str, tuple[str, ...]]
    """Names that the file of each split may have."""

    hub: HubCopy


_HUB_COLUMNS = ("id", "question", "context", "answers", "title")


def _squad(version: str, repository: str) -> QuestionSet:
    return QuestionSet(
        folder=f"squad_v{version}",
        files={
            "train": ("train.json", f"train-v{version}.json"),
            "validation": ("validation.json", f"dev-v{version}.json"),
            "test": ("test.json",),
        },
        hub=HubCopy(repository, _HUB_COLUMNS, splits=("train", "validation")),
    )


QUESTION_SETS = {
    "squad": _squad("1.1", "rajpurkar/squad"),
    "squad_v2": _squad("2.0", "rajpurkar/squad_v2"),
}


@dataclass(frozen=True)
class QuestionReader:
    """Reads questions: of a named set, or of files in SQuAD's format."""

    given: DataSection

    def section(self) -> Reading:
        """Return the records of the section's named set, or of its files."""
        if self.given.name is not None:
            tables = named_question_tables(self.given.name, self.given.dir)
            return _reading(tables, published=True)
        files = own_files(self.given)
        return _reading({split: squad_table(path) for split, path in files.items()})

    def file(self, path: Path) -> Reading:
        """Return the records of one more file, as the only split `file`."""
        return _reading({"file": squad_table(path)})


def named_question_tables(name: str, folder: str | None) -> dict[str, Table]:
    """Return the splits of a named set, as published.

    Raises:
        DataError: the folder, or every file of it, is missing, or one of them cannot be read.
        ResourceError: the hub cannot be used.
    """
    known = QUESTION_SETS[name]
    if folder is None:
        tables = hub_tables(known.hub)
        return {
            split: replace(table, records=[_of_hub(record) for record in table.records])
            for split, table in tables.items()
        }
    return _folder_tables(known, Path(folder).expanduser() / known.folder)


def _reading(tables: dict[str, Table], *, published: bool = False) -> Reading:
    return Reading(tables, {split: QuestionRows(published=published) for split in tables})


def _folder_tables(known: QuestionSet, folder: Path) -> dict[str, Table]:
    found = {
        split: next((folder / name for name in names if (folder / name).exists()), None)
        for split, names in known.files.items()
    }
    there = {split: path for split, path in found.items() if path is not None}
    if not there:
        raise missing_file((folder / known.files["train"][0]).absolute())
    return {split: squad_table(path) for split, path in there.items()}


def _of_hub(record: Record | DataError) -> Record | DataError:
    """Return a record as SQuAD's files have it: the hub keeps answers as a list of each part."""
    if isinstance(record, DataError):
        return record
    row_id, question, context, parts, title = record.values
    answers = _answers(parts)
    return replace(record, values=(row_id, question, context, answers, not answers, title))


def _answers(parts: Any) -> list[dict[str, object]]:
    pairs = zip(parts["text"], parts["answer_start"], strict=True)
    return [{"text": text, "answer_start": start} for text, start in pairs]
