"""Baselines: deterministic, better than nothing where there are words, and never a crash."""

import pytest

from loratory.errors import DataError
from loratory.metrics.baselines import (
    classification_baselines,
    question_baselines,
    written_answer_baselines,
)

LABELS = ("negative", "positive")
TRAIN = [("a dull film", 0), ("dull and long", 0), ("a bright film", 1), ("bright, short", 1)]


def metrics(train, evaluate, labels=LABELS):
    tfidf, majority = classification_baselines(train, evaluate, labels)
    return majority.metrics, tfidf.metrics


def test_words_of_the_training_rows_are_learned():
    majority, tfidf = metrics(TRAIN, [("so dull", 0), ("so bright", 1)])
    assert majority["accuracy"] == 0.5
    assert tfidf["accuracy"] == 1


def test_the_majority_is_counted_in_the_training_rows_and_not_in_those_scored():
    majority, _ = metrics([*TRAIN, ("bright", 1)], [("dull", 0), ("dull", 0), ("bright", 1)])
    assert majority["accuracy"] == pytest.approx(1 / 3)
    assert majority["matthews_correlation"] == 0


def test_the_same_rows_give_the_same_baselines():
    first = classification_baselines(TRAIN, [("so dull", 0), ("so bright", 1)], LABELS)
    assert first == classification_baselines(TRAIN, [("so dull", 0), ("so bright", 1)], LABELS)


@pytest.mark.parametrize("train", [[("!!", 1), ("…", 0), ("?", 1)], [("fine", 1), ("good", 1)]])
def test_with_nothing_to_learn_from_both_say_the_majority_class(train):
    majority, tfidf = metrics(train, [("dull", 0), ("", 1), ("?", 1)])
    assert majority == tfidf
    assert majority["accuracy"] == pytest.approx(2 / 3)


def test_a_class_that_is_missing_from_training_is_no_obstacle():
    _, tfidf = metrics(TRAIN, [("dull", 0), ("so-so", 2)], ("negative", "positive", "neutral"))
    assert tfidf["accuracy"] == 0.5


def test_every_baseline_has_a_name_and_an_interval_per_metric():
    for baseline in classification_baselines(TRAIN, [("so dull", 0), ("bright", 1)], LABELS):
        assert baseline.name
        assert baseline.intervals.keys() == baseline.metrics.keys()


CONTEXT = (
    "The mill was built in 1820. A dam holds the river back\nWheat was ground there until 1911"
)
BUILT = ("When was the mill built?", CONTEXT, ("The mill was built in 1820.", "1820"))
GROUND = ("Until when was wheat ground?", CONTEXT, ("wheat was ground there until 1911",))
COLOUR = ("Which colour has the river?", CONTEXT, ())


def by_name(baselines):
    return {baseline.name: baseline.metrics for baseline in baselines}


def test_a_question_is_answered_with_the_closest_sentence_of_its_context():
    other = ("Who holds the river back?", "A beaver sleeps. A beaver eats", ("A beaver sleeps.",))
    scores = by_name(question_baselines([BUILT, GROUND, other], version="1.1"))
    assert scores == {"closest sentence by TF-IDF": {"exact_match": 1, "f1": 1}}


def test_silence_scores_the_share_of_unanswerable_questions():
    scores = by_name(question_baselines([BUILT, COLOUR, COLOUR], version="2.0"))
    silence = scores["always no answer"]
    assert silence["exact_match"] == silence["f1"] == pytest.approx(2 / 3)
    assert (silence["has_answer_f1"], silence["no_answer_accuracy"]) == (0, 1)
    assert scores["closest sentence by TF-IDF"]["has_answer_exact_match"] == 1


def test_questions_on_contexts_without_words_are_no_obstacle():
    rows = [("Who?", context, ("x",)) for context in ("", "  ", "…", "! ?")]
    (baseline,) = question_baselines(rows, version="1.1")
    assert baseline.metrics == {"exact_match": 0, "f1": 0}


def test_a_question_without_words_gets_the_first_sentence():
    rows = [("???", CONTEXT, ("The mill was built in 1820",))]
    assert question_baselines(rows, version="1.1")[0].metrics["exact_match"] == 1


def test_written_answers_have_the_same_baselines_with_their_phrase():
    scores = by_name(written_answer_baselines([BUILT, GROUND, COLOUR], phrase="unanswerable"))
    closest, always = scores["closest sentence by TF-IDF"], scores["always no answer"]
    assert (closest["exact_match"], closest["no_answer_accuracy"]) == (1, 0)
    assert (always["no_answer_accuracy"], always["false_no_answer"]) == (1, 1)
    assert always["bleu_1"] == 0


def test_where_every_question_has_an_answer_silence_is_no_baseline():
    (closest,) = written_answer_baselines([BUILT, GROUND], phrase="unanswerable")
    assert closest.name == "closest sentence by TF-IDF"
    assert closest.metrics["bleu_1"] > 0


def test_every_baseline_of_questions_has_an_interval_per_metric():
    rows = [BUILT, GROUND, COLOUR]
    found = question_baselines(rows, version="2.0") + written_answer_baselines(rows, phrase="no")
    for baseline in found:
        assert baseline.intervals.keys() == baseline.metrics.keys()


def test_questions_on_one_context_are_drawn_together():
    rows = [(f"a cat {n}?", "A cat sat. A dog ran.", ("A cat sat",)) for n in range(20)]
    (found,) = question_baselines(rows, version="1.1")
    assert found.intervals["f1"] == (0, 1)


def test_the_same_questions_give_the_same_baselines():
    rows = [BUILT, GROUND, COLOUR]
    assert question_baselines(rows, version="2.0") == question_baselines(rows, version="2.0")


def test_baselines_keep_to_the_rules_of_the_version():
    with pytest.raises(DataError, match="DATA-VERSION"):
        question_baselines([BUILT, COLOUR], version="1.1")
    with pytest.raises(DataError, match="DATA-EMPTY"):
        question_baselines([], version="2.0")


def test_a_long_context_without_an_end_is_split_quickly():
    rows = [("Who?", " " * 200_000 + "x" + "\n" * 200_000, ("x",))]
    assert question_baselines(rows, version="1.1")[0].metrics["exact_match"] == 1
