"""Ratings between 0 and 1, and the class they decide.

Compared as decimals: 0.7999999 is below 0.8. A 32-bit copy of 0.8 lies above it, so that the
threshold needs no tolerance for the hub's copies.
"""

import re
from decimal import Decimal
from math import isfinite

from loratory.errors import DataError

_NUMBER = re.compile(r"[0-9](\.[0-9]{1,40})?")
_THRESHOLD = Decimal("0.8")


def rating_label(value: object, place: str) -> int:
    """Return 1 for a rating of at least 0.8, else 0.

    Raises:
        DataError: the rating is not a number between 0 and 1, written with a point (DATA-RANGE).
    """
    rating = _decimal(value)
    if rating is not None and 0 <= rating <= 1:
        return int(rating >= _THRESHOLD)
    raise DataError(
        "DATA-RANGE",
        "the rating is not a number from 0 to 1",
        at=place,
        got="a null" if value is None else value,
        expected="a number from 0 to 1 with a decimal point, such as 0.8",
        fix="correct the rating, or take the row out",
    )


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, float) and isfinite(value):
        return Decimal(value)
    return None
