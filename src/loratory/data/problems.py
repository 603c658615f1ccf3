"""Problems whose answer is a number: made from a seed, or read from files.

With `data.dir` the named set is read from `data.dir/word_problems/{train,validation,test}.jsonl`. A
file has the columns `problem` and `answer`, and maybe `solution`: the steps to the answer. The
answer is a plain number, without unit, commas and exponent, so that what a model writes can be
compared with it exactly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from loratory.data.files import missing_file
from loratory.data.readers import Table, read_table
from loratory.data.reading import Reading, own_files
from loratory.data.records import Record
from loratory.data.rows import ProblemRow
from loratory.data.strict_json import shown
from loratory.data.texts import checked_text
from loratory.data.word_problems import SIZES, word_problem_tables
from loratory.errors import DataError
from loratory.recipe.schema import DataSection

PLAIN_NUMBER = "a plain number such as 4 or 2.35, without unit, commas and exponent"

# The digits that a floating-point number may need, and not the thousands that Python cannot read.
_PLAIN = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?")


@dataclass(frozen=True)
class ProblemReader:
    """Reads problems: of the named set, or of files."""

    given: DataSection

    def section(self) -> Reading:
        """Return the records of the section's named set, or of its files."""
        if self.given.name is not None:
            return _reading(_named_tables(self.given.name, self.given.dir))
        return _reading({split: _table(path) for split, path in own_files(self.given).items()})

    def file(self, path: Path) -> Reading:
        """Return the records of one more file, as the only split `file`."""
        return _reading({"file": _table(path)})


def _named_tables(name: str, folder: str | None) -> dict[str, Table]:
    """Return the splits of the named set: made, or those whose files are in `folder/NAME/`."""
    if folder is None:
        return word_problem_tables()
    where = Path(folder).expanduser() / name
    paths = {split: where / f"{split}.jsonl" for split in SIZES}
    there = {split: _table(path) for split, path in paths.items() if path.exists()}
    if not there:
        raise missing_file(paths["train"].absolute())
    return there


def _table(path: Path) -> Table:
    return read_table(path, ("problem", "answer"), optional=("solution",))


def _reading(tables: Mapping[str, Table]) -> Reading:
    return Reading(tables, dict.fromkeys(tables, _row_of))


def _row_of(record: Record, number: str) -> ProblemRow:
    """Return the row of a record.

    Raises:
        DataError: the problem is no text that a model can read (DATA-TEXT), the answer no plain
            number (DATA-LABEL), or the solution no text (DATA-TEXT).
    """
    problem, answer, solution = record.values
    text = checked_text(problem, record.place, what="problem")
    steps = checked_text(solution, record.place, what="solution") if solution else ""
    # On one line, so that a line break can end what is written.
    steps = " ".join(steps.split())
    return ProblemRow(number, text, _number(answer, record.place), steps, record.place)


def _number(answer: object, place: str) -> str:
    """Return the answer, if it is a number, as it is to be written."""
    number = plain_number(answer)
    if number is None:
        raise DataError(
            "DATA-LABEL",
            "the answer is no plain number",
            at=place,
            got=shown(answer),
            expected=PLAIN_NUMBER,
            fix="write the answer as such a number, and keep the unit in the problem",
        )
    return number


def plain_number(value: object) -> str | None:
    """Return a number as digits, written out where it is no text; None where it is none."""
    if isinstance(value, float | Decimal):
        value = format(Decimal(str(value)), "f")
    text = "" if isinstance(value, bool) else str(value).strip()
    return text if _PLAIN.fullmatch(text) else None
