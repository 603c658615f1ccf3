"""Solved examples: which training rows are chosen, and that none stands before itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from loratory.data.rows import Dataset, Row
from loratory.errors import ConfigError
from loratory.recipe.schema import Recipe
from loratory.tasks.examples import MostAlike, SameForAll, example_rows, examples_of

WORDS = ["quiet", "lovely", "film", "thin", "dull", "long", "plot", "moving"]


def row(text, label=0, number=0):
    return Row(f"train/{number}", text, label, f"train.csv:{number + 2}")


def rows_of(number, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(2, 6))) for _ in range(number)]
    return tuple(row(f"{text} {n}", n % classes, n) for n, text in enumerate(texts))


def recipe_of(kind, k, seed=0, labels=("bad", "good")):
    return Recipe.model_validate(
        {
            "base": "none",
            "task": {"kind": "label_words", "labels": labels},
            "data": {"train": "train.csv"},
            "method": {"kind": "prompting", "examples": {"kind": kind, "k": k}},
            "seed": seed,
        }
    )


def chosen(recipe, rows):
    dataset = Dataset(recipe.task.labels, {"train": rows}, {})
    return example_rows(recipe, dataset)


@pytest.mark.parametrize("kind", ["seed", "balanced"])
def test_a_seed_draws_the_same_rows_and_another_one_others(kind):
    rows = rows_of(40)
    found = [chosen(recipe_of(kind, 8, seed), rows) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert len({one.id for one in found[0]}) == 8
    assert set(found[0]) <= set(rows)


def test_fewer_examples_are_the_first_of_more():
    rows = rows_of(40)
    assert chosen(recipe_of("seed", 3), rows) == chosen(recipe_of("seed", 8), rows)[:3]


@pytest.mark.parametrize(("k", "counts"), [(3, [1, 1, 1]), (7, [3, 2, 2]), (9, [3, 3, 3])])
def test_balanced_examples_are_as_many_of_each_class_in_turn(k, counts):
    rows = rows_of(40, classes=3)
    found = chosen(recipe_of("balanced", k, labels=("a", "b", "c")), rows)
    assert [one.label for one in found] == [number % 3 for number in range(k)]
    assert [sum(one.label == label for one in found) for label in range(3)] == counts


def test_none_are_chosen_where_none_are_shown():
    assert chosen(recipe_of("seed", 0), rows_of(4)) == ()
    recipe = recipe_of("seed", 3)
    lora = recipe.model_copy(update={"method": Recipe.model_fields["method"].default})
    assert chosen(lora, rows_of(4)) == ()


@pytest.mark.parametrize(
    ("kind", "k", "expected"),
    [
        ("seed", 7, "at most 6, the training rows"),
        ("similar", 7, "at most 6, the training rows"),
        ("balanced", 1, "at least 2, one of each class"),
        ("balanced", 6, "at most 4: class good has 2 rows"),
    ],
)
def test_more_than_there_are_is_refused(kind, k, expected):
    rows = tuple(replace(one, label=int(n < 2)) for n, one in enumerate(rows_of(6)))
    with pytest.raises(ConfigError) as caught:
        chosen(recipe_of(kind, k), rows)
    error = caught.value
    assert (error.code, error.at, error.expected) == ("CFG-RANGE", "method.examples.k", expected)


def test_similar_examples_are_those_nearest_by_tf_idf_the_nearest_last():
    train, asked = rows_of(300), rows_of(20, seed=1)
    found = examples_of(recipe_of("similar", 5).method, train).of(asked)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+").fit(r.text for r in train)
    vectors = vectorizer.transform([one.text for one in train])
    for question, examples in zip(asked, found, strict=True):
        alike = cosine_similarity(vectorizer.transform([question.text]), vectors)[0]
        same = [one.text == question.text for one in train]
        shown = [alike[train.index(one)] for one in examples]
        left = [
            a for a, s, one in zip(alike, same, train, strict=True) if one not in examples and not s
        ]
        assert len(examples) == 5
        assert shown == sorted(shown)
        assert shown[0] >= max(left) - 1e-12


@given(st.lists(st.sampled_from(WORDS), min_size=3, max_size=30), st.integers(1, 4), st.data())
def test_a_row_never_stands_before_itself_however_it_is_written(texts, k, data):
    train = tuple(row(text, 0, number) for number, text in enumerate(texts))
    asked = row(f" {data.draw(st.sampled_from(texts)).upper()} ", number=99)
    for examples in (SameForAll(train), MostAlike(train, k)):
        (found,) = examples.of([asked])
        assert all(one.text != asked.text.strip().lower() for one in found)
    others = [one for one in train if one.text != asked.text.strip().lower()]
    assert len(found) == min(k, len(others))
    assert SameForAll(train).of([asked]) == [tuple(others)]
