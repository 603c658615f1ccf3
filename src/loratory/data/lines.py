"""The lines of a UTF-8 file, each with its number and with what is wrong with its bytes.

A line ends with LF or CR LF, so that U+2028 and its like stay inside a text. A byte order mark is
accepted at the start of the file alone; blank lines at its end are not lines.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from loratory.errors import DataError

MOST_BYTES = 1 << 20
"""Bytes that one line may have; far above any text a model reads."""

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAMPLE = 4096
_ENCODE = "save the file as UTF-8, for example with `iconv -f {} -t UTF-8`"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its end."""

    number: int
    text: str
    end: str
    fault: DataError | None = None


def read_lines(content: bytes, name: str) -> Iterator[Line]:
    """Yield the lines of `content`, numbered from 1; `name` is the file's, for messages.

    A line whose bytes cannot be used carries its fault.

    Raises:
        DataError: the file is UTF-16 (DATA-ENC).
    """
    _refuse_utf16(content, name)
    content = content.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    lines = content.split(b"\n") if content else []
    for number, line in enumerate(lines, start=1):
        bare = line.removesuffix(b"\r")
        end = "" if number == len(lines) else "\n" if bare == line else "\r\n"
        fault = _fault(bare, f"{name}:{number}")
        if fault is None:
            yield Line(number, bare.decode(), end)
        else:
            # What can be read of it is kept, so that the quotes around the fault stay paired.
            yield Line(number, bare.decode(errors="replace"), end, fault)


def whole_text(content: bytes, name: str) -> str:
    """Return the text of a file that is not read line by line.

    Raises:
        DataError: the file is not UTF-8 (DATA-ENC), with the first line that is not.
    """
    _refuse_utf16(content, name)
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError:
        # A line end is never inside a character, so that one of the lines fails by itself.
        for number, line in enumerate(content.split(b"\n"), start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise _not_utf8(line, error, f"{name}:{number}") from None
        raise


def _refuse_utf16(content: bytes, name: str) -> None:
    sample = content[:_SAMPLE]
    if content.startswith(_UTF16_MARKS) or sample.count(0) > len(sample) // 4:
        raise DataError(
            "DATA-ENC",
            "the file is not UTF-8 (it looks like UTF-16)",
            at=f"{name}:1",
            expected="UTF-8",
            fix=_ENCODE.format("UTF-16"),
        )


def _fault(line: bytes, place: str) -> DataError | None:
    """Return what is wrong with the bytes of a line."""
    if b"\r" in line:
        return DataError(
            "DATA-ENC",
            f"line ends are not recognised: byte {line.index(13) + 1} of the line is a CR without "
            "LF",
            at=place,
            expected="LF or CR LF",
            fix="save the file with LF line ends",
        )
    if len(line) > MOST_BYTES:
        return DataError(
            "DATA-TEXT",
            f"the line has {len(line):,} bytes, the limit is {MOST_BYTES:,}",
            at=place,
            fix="split the text into rows, or remove it; look for a missing line end",
        )
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(line, error, place)
    if "\ufeff" in text:
        return DataError(
            "DATA-ENC",
            f"there is a byte order mark at character {text.index(chr(0xFEFF)) + 1} of the line",
            at=place,
            expected="one at the start of the file, or none",
            fix="remove it; it is often left behind where files are joined",
        )
    return None


def _not_utf8(line: bytes, error: UnicodeDecodeError, place: str) -> DataError:
    # Latin-1 has its letters at 0xA0 and above; the bytes below are in use in UTF-8 alone.
    looks = "; it looks like Latin-1" if not re.search(rb"[\x80-\x9f]", line) else ""
    return DataError(
        "DATA-ENC",
        f"byte {error.start + 1} of the line is not UTF-8 ({error.reason}{looks})",
        at=place,
        got=f"a byte 0x{line[error.start]:02X}",
        expected="UTF-8",
        fix=_ENCODE.format("WINDOWS-1252"),
    )
