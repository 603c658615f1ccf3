"""SQuAD's metrics: equal to the official scripts' rules, told again here step by step."""

import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.errors import DataError
from loratory.metrics.squad import exact_match, f1, normalised, score_rows

VERSIONS = ("1.1", "2.0")


def retold_words(text):
    """Return a text's words: lower, no punctuation, no articles; one character at a time."""
    kept = "".join(char for char in text.lower() if char not in string.punctuation)
    runs = [""]
    for char in kept:
        if runs[-1] and runs[-1][-1].isalnum() != char.isalnum():
            runs.append("")
        runs[-1] += char
    return "".join(" " if run in ("a", "an", "the") else run for run in runs).split()


def retold_scores(prediction, golds, version):
    """Return exact match and F1: every right answer is tried, shared words are crossed out."""
    if version == "2.0":
        golds = [gold for gold in golds if retold_words(gold)]
        golds = golds if golds else [""]
    best_exact, best_f1 = 0, 0
    for gold in golds:
        said, right = retold_words(prediction), retold_words(gold)
        best_exact = max(best_exact, int(" ".join(said) == " ".join(right)))
        left, shared = list(right), 0
        for word in said:
            if word in left:
                left.remove(word)
                shared += 1
        if version == "2.0" and (not said or not right):
            best_f1 = max(best_f1, int(said == right))
        elif shared:
            precision, recall = shared / len(said), shared / len(right)
            best_f1 = max(best_f1, 2 * precision * recall / (precision + recall))
    return best_exact, best_f1


def assert_as_retold(prediction, golds):
    for version in VERSIONS:
        if golds or version == "2.0":
            expected = retold_scores(prediction, golds, version)
            assert exact_match(prediction, golds, version=version) == expected[0]
            assert f1(prediction, golds, version=version) == pytest.approx(expected[1], abs=1e-9)


WORDS = ["the", "a", "An", "cat", "Cat,", "sat", "sat", "on", "1990\u201391", "…", "“the”", "it's"]
WORDS += ["THE", ".", "--", "A-Team", "ateam", "a.m.", "am", "None", "é", "e\u0301", "a\u0301", "İ"]
ODD = [" ", "  ", "\t", "\n", "\u00a0", "\u2028", "_", "", "-"]


def made_up(rng):
    """Return a text of a few words and odd separators, now and then a long one."""
    words = rng.choices(WORDS, k=rng.choice([0, 0, 1, 2, 3, 5, 5, 60]))
    return "".join(word + rng.choice(ODD[:4] if rng.random() < 0.8 else ODD) for word in words)


def test_ten_thousand_made_up_pairs_score_as_the_scripts_rules_say():
    rng = random.Random(0)
    for _ in range(10_000):
        golds = tuple(made_up(rng) for _ in range(rng.randint(0, 4)))
        assert_as_retold(rng.choice([*golds, made_up(rng)]), golds)


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=4))
def test_pairs_of_any_characters_score_as_the_scripts_rules_say(prediction, golds):
    assert normalised(prediction) == " ".join(retold_words(prediction))
    assert_as_retold(prediction, golds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The  Cat\tsat. ", "cat sat"),
        (
            "“The 1990\u201391”",
            "“ 1990\u201391”",
        ),  # curly quotes and dashes are not ASCII, so they stay
        ("well-known", "wellknown"),
        ("a.m.", "am"),  # punctuation goes before articles do
        ("A-Team", "ateam"),
        ("the theatre, an anthem", "theatre anthem"),
        ("a the an", ""),
        ("None", "none"),
    ],
)
def test_the_odd_texts_are_normalised_as_the_scripts_do(text, expected):
    assert normalised(text) == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("prediction", "golds", "expected"),
    [
        ("well-known", ["well known"], (0, 0)),
        ("None", ["None"], (1, 1)),
        ("none", ["nobody", "None"], (1, 1)),
        ("the cat", ["cat"], (1, 1)),
        ("cat sat", ["cat mat", "dog"], (0, 0.5)),
        ("cat cat", ["cat"], (0, 2 / 3)),  # a word is shared as often as both have it
        ("", ["cat"], (0, 0)),
        ("x y", ["x", "x y z w"], (0, 2 / 3)),  # the nearest answer counts, not the first
    ],
)
def test_what_both_versions_score_alike(prediction, golds, expected, version):
    assert exact_match(prediction, golds, version=version) == expected[0]
    assert f1(prediction, golds, version=version) == pytest.approx(expected[1])


@pytest.mark.parametrize(
    ("prediction", "golds", "v1", "v2"),
    [
        ("the", ["a"], (1, 0), (1, 1)),  # both sides normalise to nothing
        ("the", ["a", "cat"], (1, 0), (0, 0)),  # v2.0 leaves out the answer that does
        ("", ["!", "the"], (1, 0), (1, 1)),  # and compares with "" where all of them do
        ("cat", ["!"], (0, 0), (0, 0)),
    ],
)
def test_where_the_versions_differ(prediction, golds, v1, v2):
    for version, expected in (("1.1", v1), ("2.0", v2)):
        assert exact_match(prediction, golds, version=version) == expected[0]
        assert f1(prediction, golds, version=version) == expected[1]


@pytest.mark.parametrize(("prediction", "expected"), [("", 1), ("the", 1), ("cat", 0), ("“", 0)])
def test_a_question_without_an_answer_wants_nothing_said(prediction, expected):
    assert exact_match(prediction, [], version="2.0") == expected
    assert f1(prediction, [], version="2.0") == expected


def test_rows_are_scored_by_id_in_the_order_of_the_questions():
    golds = {"one": ["cat"], "two": ["!"], "three": []}
    rows = score_rows(golds, {"three": "dog", "two": "", "one": "cat", "four": "x"}, version="2.0")
    assert rows.ids == ("one", "two", "three")
    assert rows.exact_match.tolist() == rows.f1.tolist() == [1, 1, 0]
    assert rows.answerable.tolist() == [True, True, False]  # what it normalises to is no matter


def refusal(*arguments, **settings):
    with pytest.raises(DataError) as caught:
        score_rows(*arguments, **settings)
    return caught.value


@pytest.mark.parametrize("version", VERSIONS)
def test_missing_predictions_are_refused_with_how_many_and_the_first(version):
    error = refusal({"a": ["x"], "b": ["x"], "c": ["x"]}, {"a": "x"}, version=version)
    assert (error.code, error.exit_code) == ("EVAL-MISSING", 3)
    assert "2 of 3" in error.problem
    assert "first: b" in error.problem


@pytest.mark.parametrize("prediction", [["x"], None, 3])
def test_predictions_that_are_no_text_are_refused_with_their_id(prediction):
    error = refusal({"a": ["x"], "b": ["x"]}, {"a": "x", "b": prediction}, version="2.0")
    assert (error.code, error.at) == ("EVAL-TYPE", "b")
    assert "got" in str(error)


def test_unanswerable_questions_are_refused_by_the_older_rules():
    error = refusal({"a": ["x"], "b": [], "c": []}, dict.fromkeys("abc", ""), version="1.1")
    assert error.code == "DATA-VERSION"
    assert "2 of 3" in error.problem
    assert "first: b" in error.problem
    for metric in (exact_match, f1):
        with pytest.raises(DataError, match="DATA-VERSION"):
            metric("", [], version="1.1")


def test_nothing_to_score_is_refused():
    assert refusal({}, {}, version="1.1").code == "DATA-EMPTY"


def questions(folder, version):
    """Return {id: right answers} of the authors' validation file."""
    path = folder / f"squad_v{version}" / "validation.json"
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    found = [qa for article in data for part in article["paragraphs"] for qa in part["qas"]]
    return {qa["id"]: [answer["text"] for answer in qa["answers"]] for qa in found}


@pytest.mark.parametrize(("version", "count"), [("1.1", 953), ("2.0", 2006)])
def test_right_answers_of_the_real_sets_are_scored_as_right(shared_data, version, count):
    golds = questions(shared_data, version)
    assert len(golds) == count
    for place in (0, -1):
        said = {id_: right[place] if right else "" for id_, right in golds.items()}
        rows = score_rows(golds, said, version=version)
        assert rows.exact_match.mean() == 1
        assert rows.f1.mean() == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_real_answers_that_were_cut_and_mixed_score_as_the_scripts_rules_say(shared_data, version):
    golds = questions(shared_data, version)
    texts, rng = [text for right in golds.values() for text in right], random.Random(1)
    for _ in range(20):
        said = {}
        for id_, right in golds.items():
            words = rng.choice([*right, rng.choice(texts), ""]).split(" ")
            start = rng.randrange(len(words))
            said[id_] = " ".join(words[start : rng.randint(start, len(words))])
        rows = score_rows(golds, said, version=version)
        expected = [retold_scores(said[id_], right, version) for id_, right in golds.items()]
        assert rows.exact_match.tolist() == [exact for exact, _ in expected]
        assert rows.f1 == pytest.approx([overlap for _, overlap in expected], abs=1e-9)
