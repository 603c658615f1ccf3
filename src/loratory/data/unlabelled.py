"""Texts without labels and questions without answers, for prediction."""

from dataclasses import dataclass, replace
from pathlib import Path

from loratory.data.files import file_content
from loratory.data.lines import read_lines
from loratory.data.questions import QuestionRows
from loratory.data.readers import ENDINGS, Table, read_table, unknown_format
from loratory.data.records import Record, Records
from loratory.data.rows import QuestionRow
from loratory.data.squad import squad_table
from loratory.data.texts import checked_text
from loratory.errors import DataError


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A text and where it stands."""

    text: str
    place: str


def read_texts(path: Path, column: str) -> list[PlacedText]:
    """Return the texts in `column` of a file of rows, or the lines of a .txt file.

    Raises:
        DataError: the file cannot be read, or a text is one that a model cannot read.
    """
    found, faults = readable_texts(path, column)
    if faults:
        raise faults[0]
    if not found:
        raise DataError("DATA-EMPTY", "the file has 0 texts", at=str(path), fix="add texts to it")
    return found


def readable_texts(path: Path, column: str) -> tuple[list[PlacedText], list[DataError]]:
    """Return the texts of a file that a model can read, and what is wrong with the others.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    found: list[PlacedText] = []
    faults: list[DataError] = []
    for record in _text_records(path, column):
        if isinstance(record, DataError):
            faults.append(record)
            continue
        try:
            found.append(PlacedText(checked_text(record.values[0], record.place), record.place))
        except DataError as fault:
            faults.append(fault)
    return found, faults


def _text_records(path: Path, column: str) -> Records:
    if path.suffix.lower() != ".txt":
        return read_table(path, (column,)).records
    return [
        line.fault or Record(f"{path.name}:{line.number}", (line.text,))
        for line in read_lines(file_content(path), path.name)
    ]


def read_questions(path: Path) -> list[QuestionRow]:
    """Return the questions of a file, without answers.

    The file has the columns `question` and `context`, and maybe `id`; without one, a question's id
    is its place. Or it is a .json file in SQuAD's format, whose answers are not looked at.

    Raises:
        DataError: the file cannot be read, or a question of it.
    """
    row_of = QuestionRows()
    found: list[QuestionRow] = []
    for record in _question_table(path).records:
        if isinstance(record, DataError):
            raise record
        found.append(row_of(record, record.place))
    return found


def _question_table(path: Path) -> Table:
    ending = path.suffix.lower()
    if ending == ".json":
        return squad_table(path, answered=False)
    if ending not in ENDINGS:
        raise unknown_format(path, (".json", *ENDINGS))
    table = read_table(path, ("question", "context"), optional=("id",))
    return replace(table, records=[_unanswered(record) for record in table.records])


def _unanswered(record: Record | DataError) -> Record | DataError:
    """Return the record of a question that has no answer and need not have one."""
    if isinstance(record, DataError):
        return record
    question, context, given = record.values
    is_whole = isinstance(given, int) and not isinstance(given, bool)
    row_id = record.place if given is None else str(given) if is_whole else given
    return replace(record, values=(row_id, question, context, [], True, ""))
