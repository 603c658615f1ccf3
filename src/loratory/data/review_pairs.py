"""Film reviews as pairs: of two sentences that open alike, the positive one is preferred.

Rotten Tomatoes' sentences are parted by the sha256 of their text: a third is for a judge, a
classifier that is to say how positive a tuned model writes, and never in a pair or a text; two
thirds are for pairs and texts. Sentences of the latter that share their first words, and have at
least three more each, are paired one to one in the order of the file: the positive one's rest is
chosen, the negative one's rejected, the shared words the prompt. Openings of six words come first,
then of five, down to one, and each sentence is used once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import NamedTuple

from loratory.data.readers import Table
from loratory.data.records import Record, Records
from loratory.data.texts import normalised
from loratory.errors import DataError

JUDGE, PAIRS = "rotten_tomatoes_judge", "rotten_tomatoes_pairs"

_JUDGES_SHARE = 3
_LONGEST_OPENING = 6
_LEAST_REST = 3


class _Sentence(NamedTuple):
    words: tuple[str, ...]
    positive: bool
    place: str


def judge_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the judge's third of labelled sentences."""
    return {split: _with(table, _part(table, judges=True)) for split, table in tables.items()}


def text_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the other sentences as records of a text alone, praise and blame alike."""
    return {
        split: _with(
            table,
            [
                replace(record, values=record.values[:1]) if isinstance(record, Record) else record
                for record in _part(table, judges=False)
            ],
        )
        for split, table in tables.items()
    }


def pair_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return pairs of the other sentences, as records of chosen, rejected and prompt."""
    return {
        split: _with(table, _pairs(_part(table, judges=False))) for split, table in tables.items()
    }


def _with(table: Table, records: Records) -> Table:
    """Return a table of some of the records; what is said of it stays true of the whole."""
    return replace(table, records=records)


def _part(table: Table, *, judges: bool) -> Records:
    return [
        record
        for record in table.records
        if isinstance(record, DataError) or _is_judges(record) == judges
    ]


def _is_judges(record: Record) -> bool:
    text = normalised(str(record.values[0]))
    return sha256(text.encode()).digest()[0] % _JUDGES_SHARE == 0


def _pairs(records: Records) -> Records:
    left = [_sentence(record) for record in records if isinstance(record, Record)]
    found: Records = []
    for length in range(_LONGEST_OPENING, 0, -1):
        openings: defaultdict[tuple[str, ...], tuple[list[_Sentence], list[_Sentence]]]
        openings = defaultdict(lambda: ([], []))
        for sentence in left:
            if len(sentence.words) >= length + _LEAST_REST:
                openings[sentence.words[:length]][sentence.positive].append(sentence)
        paired = [
            (opening, good, bad)
            for opening, (blame, praise) in openings.items()
            # Rests that are the same words say nothing of which is better.
            for good, bad in zip(praise, blame, strict=False)
            if good.words != bad.words
        ]
        found += [_record(*pair) for pair in paired]
        used = set(chain.from_iterable((good.place, bad.place) for _, good, bad in paired))
        left = [sentence for sentence in left if sentence.place not in used]
    return found


def _sentence(record: Record) -> _Sentence:
    text, label = record.values
    return _Sentence(tuple(str(text).split()), str(label) in ("1", "positive"), record.place)


def _record(opening: Sequence[str], good: _Sentence, bad: _Sentence) -> Record:
    chosen, rejected = (" " + " ".join(sentence.words[len(opening) :]) for sentence in (good, bad))
    return Record(f"{good.place} and {bad.place}", (chosen, rejected, " ".join(opening)))
