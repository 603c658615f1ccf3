"""Film reviews as pairs: of two sentences that open alike, the positive one is preferred.

Rotten Tomatoes' sentences are parted by the sha256 of their text: a third is for a judge, a
classifier that is to say how positive a tuned model writes, and never in a pair or a text; two
thirds are for pairs and texts. Sentences of the latter that share their first words, and have at
least three more each, are paired one to one in the order of the file: the positive one's rest is
chosen, the negative one's rejected, the shared words the prompt. Openings of six words come first,
then of five, down to one, and each sentence is used once. A malformed sentence stays what it is, a
fault of the file, behind the pairs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import NamedTuple

from loratory.data.labels import LabelColumn, LabelOf
from loratory.data.readers import Table
from loratory.data.records import Record, Records
from loratory.data.texts import checked_text, normalised
from loratory.errors import DataError

JUDGE, PAIRS = "rotten_tomatoes_judge", "rotten_tomatoes_pairs"

_LABELS = ("negative", "positive")
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
    return {split: _with(table, _table_pairs(table)) for split, table in tables.items()}


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


def _table_pairs(table: Table) -> Records:
    """Return the pairs of a table's sentences, and behind them the faults of the others."""
    label_of = LabelColumn(_LABELS, digits=table.digits)
    read = [_sentence(record, label_of) for record in _part(table, judges=False)]
    faults = [fault for fault in read if isinstance(fault, DataError)]
    return [*_pairs([one for one in read if isinstance(one, _Sentence)]), *faults]


def _pairs(left: list[_Sentence]) -> list[Record]:
    found: list[Record] = []
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


def _sentence(record: Record | DataError, label_of: LabelOf) -> _Sentence | DataError:
    if isinstance(record, DataError):
        return record
    text, label = record.values
    try:
        words = checked_text(text, record.place).split()
        return _Sentence(tuple(words), label_of(label, record.place) == 1, record.place)
    except DataError as fault:
        return fault


def _record(opening: Sequence[str], good: _Sentence, bad: _Sentence) -> Record:
    chosen, rejected = (" " + " ".join(sentence.words[len(opening) :]) for sentence in (good, bad))
    return Record(f"{good.place} and {bad.place}", (chosen, rejected, " ".join(opening)))
