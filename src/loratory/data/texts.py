"""What a text must be, and when two texts count as the same."""

import re
import unicodedata

from loratory.data.lines import MOST_BYTES
from loratory.errors import DataError

# Tab, LF and CR are part of a text; the other control characters are traces of a wrong encoding
# or of binary data. U+202D and U+202E show a text in another order than it is read in.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff]")
# Spaces and the characters that Unicode lets a display leave out.
_VISIBLE = re.compile(
    r"[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def checked_text(
    value: object, place: str, *, what: str = "text", most: int | None = MOST_BYTES
) -> str:
    """Return `value`, unchanged, if it is a text that a model can read.

    `what` is what messages call it, `most` the characters that it may have.

    Raises:
        DataError: it is not text, empty, only spaces and invisible characters, too long, or holds
            control characters, unpaired surrogates or a bidirectional override (DATA-TEXT).
    """
    if not isinstance(value, str):
        raise DataError(
            "DATA-TEXT",
            f"the {what} is missing" if value is None else f"the {what} is not text",
            at=place,
            got="a null" if value is None else value,
            expected="a text",
            fix="put it in quotes" + (", or name another column in data.text" * (what == "text")),
        )
    refused = _REFUSED.search(value)
    if refused:
        raise DataError(
            "DATA-TEXT",
            f"{_kind(refused.group())} at character {refused.start() + 1} of the {what}",
            at=place,
            fix="remove the character, or take the row out",
        )
    if not _VISIBLE.search(value):
        raise DataError(
            "DATA-TEXT",
            f"empty {what}{' (spaces or zero-width characters alone)' * bool(value)}",
            at=place,
            fix="fill it in, or take the row out",
        )
    if most is not None and len(value) > most:
        raise DataError(
            "DATA-TEXT",
            f"the {what} has {len(value):,} characters, the limit is {most:,}",
            at=place,
            fix="split the text into rows, or take the row out",
        )
    return value


def normalised(text: str) -> str:
    """Return what two texts must share to count as the same: letters, not case or spacing."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _kind(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character in "\u202d\u202e":
        return f"bidirectional override {code}"
    if "\ud800" <= character <= "\udfff":
        return f"unpaired surrogate {code}"
    if "\x80" <= character <= "\x9f":
        return f"control character {code} (Windows-1252 read as Latin-1?)"
    return f"control character {code}"
