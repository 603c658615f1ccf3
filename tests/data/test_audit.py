"""The audit against counts made by comparing every row with every other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.audit import audit, length_summary
from loratory.data.rows import Dataset, Row, Source
from loratory.data.texts import normalised

TEXTS = st.sampled_from(["a film", "A  film", "a dull film", "joy", "joy!", "JOY"])
ROWS = st.lists(st.tuples(TEXTS, st.integers(0, 1)), min_size=1, max_size=8)


def dataset(**splits):
    made = {
        split: tuple(
            Row(f"{split}/{n}", text, label, f"{split}.csv:{n + 2}")
            for n, (text, label) in enumerate(rows)
        )
        for split, rows in splits.items()
    }
    sources = {split: Source(split, "", len(rows), skipped=3) for split, rows in splits.items()}
    return Dataset(("negative", "positive", "mixed"), made, sources)


def same(a, b):
    return normalised(a.text) == normalised(b.text)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_repeats_are_those_that_comparing_all_pairs_finds(train, scored):
    data = dataset(train=train, validation=scored)
    found = audit(data)
    for split, rows in data.splits.items():
        numbers = found.splits[split]
        assert numbers.rows == len(rows)
        assert numbers.duplicates == sum(
            any(same(row, earlier) for earlier in rows[:n]) for n, row in enumerate(rows)
        )
        assert numbers.classes == {
            name: sum(row.label == label for row in rows) for label, name in enumerate(data.labels)
        }
    every = [row for rows in data.splits.values() for row in rows]
    assert [repeat.row for repeat in found.conflicts] == [
        row
        for n, row in enumerate(every)
        if any(same(row, other) and row.label != other.label for other in every[:n])
    ]
    assert all(
        r.earlier.label != r.row.label and same(*[r.earlier, r.row]) for r in found.conflicts
    )
    leaking = [
        row for row in data.rows("validation") if any(same(row, t) for t in data.rows("train"))
    ]
    assert [repeat.row for repeat in found.leaks["validation"]] == leaking
    assert all(repeat.earlier in data.rows("train") for repeat in found.leaks["validation"])
    assert found.shared == {("train", "validation"): len({normalised(row.text) for row in leaking})}


def test_every_pair_of_splits_is_compared():
    found = audit(dataset(train=[("a", 0)], validation=[("b", 0)], test=[("B", 0), ("a", 1)]))
    assert found.shared == {
        ("train", "validation"): 0,
        ("train", "test"): 1,
        ("validation", "test"): 1,
    }
    assert {split: len(leaks) for split, leaks in found.leaks.items()} == {
        "validation": 0,
        "test": 1,
    }


def test_without_training_rows_nothing_leaks():
    assert audit(dataset(validation=[("a", 0)], test=[("a", 0)])).leaks == {}


def test_lengths_count_characters_and_left_out_rows_are_counted():
    numbers = audit(dataset(train=[("añ👍", 0), ("b", 1)])).splits["train"]
    assert (numbers.characters.min, numbers.characters.max, numbers.skipped) == (1, 3, 3)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=400))
def test_percentiles_are_nearest_rank(lengths):
    summary = length_summary(lengths)
    expected = np.percentile(lengths, [0, 50, 95, 100], method="inverted_cdf")
    assert [summary.min, summary.median, summary.p95, summary.max] == list(expected)
