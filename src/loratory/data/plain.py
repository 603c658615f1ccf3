"""Plain texts: the paragraphs of a .txt file, a column of a file of rows, or those of a named set.

A paragraph is what stands between blank lines, however long it is; its lines stay lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from loratory.data.files import file_content
from loratory.data.lines import Line, read_lines
from loratory.data.named import named_tables
from loratory.data.readers import ENDINGS, Table, file_table, read_table, unknown_format
from loratory.data.reading import Reading, own_files
from loratory.data.records import Record, Records
from loratory.data.review_pairs import text_tables
from loratory.data.rows import TextRow
from loratory.data.texts import checked_text
from loratory.errors import DataError
from loratory.recipe.schema import DataSection


@dataclass(frozen=True)
class TextReader:
    """Reads plain texts, which have no labels."""

    given: DataSection

    def section(self) -> Reading:
        """Return the records of the section's named set, or of its files."""
        match self.given.name:
            case None:
                files = own_files(self.given)
                return _reading({split: self._table(path) for split, path in files.items()})
            case "rotten_tomatoes_pairs":
                return _reading(text_tables(named_tables("rotten_tomatoes", self.given.dir)))
            case labelled:
                return _reading(named_tables(labelled, self.given.dir))

    def file(self, path: Path) -> Reading:
        """Return the records of one more file, as the only split `file`."""
        return _reading({"file": self._table(path)})

    def _table(self, path: Path) -> Table:
        return text_table(path, self.given.text)


def text_table(path: Path, column: str) -> Table:
    """Return the paragraphs of a .txt file, or the texts in `column` of a file of rows.

    Raises:
        DataError: the file as a whole cannot be read, as `read_table` says.
    """
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return read_table(path, (column,))
    content = file_content(path)
    if ending != ".txt":
        raise unknown_format(path, (".txt", *ENDINGS))
    return file_table(path, content, _paragraphs(read_lines(content, path.name), path.name))


def _reading(tables: dict[str, Table]) -> Reading:
    return Reading(tables, dict.fromkeys(tables, _row_of))


def _row_of(record: Record, number: str) -> TextRow:
    return TextRow(number, checked_text(record.values[0], record.place, most=None), record.place)


def _paragraphs(lines: Iterable[Line], name: str) -> Records:
    groups = groupby(lines, key=lambda line: line.fault is None and not line.text.strip())
    return [_paragraph(list(block), name) for is_blank, block in groups if not is_blank]


def _paragraph(lines: list[Line], name: str) -> Record | DataError:
    """Return a paragraph, or the first fault of its lines."""
    fault = next((line.fault for line in lines if line.fault), None)
    text = "\n".join(line.text for line in lines)
    return fault or Record(f"{name}:{lines[0].number}", (text,))
