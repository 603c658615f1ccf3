"""The audit against counts made by comparing every row with every other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.audit import Lengths, QuestionAudit, audit, length_summary
from loratory.data.rows import Answer, Dataset, QuestionRow, Row, Source, TextRow
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


def asked(**splits):
    """Return a data set of questions: each its text, its context, its article and its answers."""
    made = {
        split: tuple(
            QuestionRow(
                f"q{n}",
                question,
                context,
                tuple(Answer(text, context.index(text)) for text in answers),
                f"{split}.json {n}",
                article,
            )
            for n, (question, context, article, *answers) in enumerate(rows)
        )
        for split, rows in splits.items()
    }
    return Dataset((), made, {split: Source(split, "", len(made[split]), 0) for split in made})


FOXES, OAKS = "Two foxes sleep.", "The oak is old."


def test_questions_are_counted_by_articles_contexts_and_answers():
    found = audit(
        asked(
            train=[
                ("Who sleeps?", FOXES, "Foxes", "Two foxes", "foxes"),
                ("Who barks?", FOXES, "Foxes"),
                ("What is old?", OAKS, "Trees", "The oak"),
            ],
            validation=[
                ("Who snores?", "two  foxes sleep.", "Foxes"),
                ("Who eats?", FOXES, "Foxes"),
                ("Who runs?", "No one.", "Foxes"),
            ],
        )
    ).splits
    assert found["train"].questions == QuestionAudit(
        articles=2,
        contexts=2,
        known_contexts=0,
        answerable=2,
        unanswerable=1,
        question=Lengths(10, 11, 12, 12),
        answer=Lengths(5, 7, 9, 9),
    )
    assert (found["train"].characters.min, found["train"].characters.max) == (15, 16)
    assert (found["train"].rows, found["train"].classes) == (3, {})
    validation = found["validation"].questions
    assert (validation.contexts, validation.known_contexts, validation.answer) == (2, 1, None)
    assert (validation.answerable, validation.unanswerable) == (0, 3)


def test_questions_repeat_when_their_context_does_too():
    found = audit(
        asked(
            train=[
                ("Who?", FOXES, "a", "foxes"),
                ("who? ", FOXES, "a", "Two"),
                ("Who?", OAKS, "a"),
            ],
            test=[("WHO?", FOXES, "b", "foxes"), ("What?", OAKS, "b")],
        )
    )
    assert found.splits["train"].duplicates == 1
    assert found.shared == {("train", "test"): 1}
    assert [(r.row.place, r.earlier.place) for r in found.leaks["test"]] == [
        ("test.json 0", "train.json 0")
    ]
    assert found.conflicts == ()


def test_a_question_that_has_an_answer_once_alone_is_a_conflict():
    data = asked(
        train=[("Who?", FOXES, "a", "foxes"), ("Who?", FOXES, "a")], test=[("Who?", FOXES, "a")]
    )
    places = [(r.row.place, r.earlier.place) for r in audit(data).conflicts]
    assert places == [("train.json 1", "train.json 0"), ("test.json 0", "train.json 0")]


def test_plain_texts_have_lengths_and_repeats_and_no_classes():
    rows = tuple(TextRow(f"train/{n}", text, f"f:{n}") for n, text in enumerate(["one", "ONE"]))
    found = audit(Dataset((), {"train": rows}, {"train": Source("f", "", 2, 0)}))
    numbers = found.splits["train"]
    assert (numbers.duplicates, numbers.classes, numbers.questions) == (1, {}, None)
    assert (numbers.characters.max, found.conflicts) == (3, ())
