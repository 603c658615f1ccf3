"""BLEU-1: equal to sacreBLEU's on whole corpora, and to counting words by hand."""

import math
import random
from collections import Counter

import pytest
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from loratory.errors import DataError
from loratory.metrics.bleu import bleu_1, corpus_bleu_1

WORDS = ["the", "The", "cat", "cat", "sat", "1,000.5", "3-4", "U.S.", "it's", "“x”", "é", "a&amp;b"]
WORDS += ["$5", "...", "-", "<skipped>", "\u2028", "x\ny", "", "  "]


def made_up_text(rng):
    return " ".join(rng.choices(WORDS, k=rng.choice([0, 1, 1, 2, 3, 5, 8])))


def made_up(rng):
    """Return a corpus of a few rows, each with one reference or several, often equally many."""
    rows = rng.randint(1, 6)
    counts = [rng.randint(1, 4)] * rows if rng.random() < 0.5 else rng.choices([1, 2, 3, 4], k=rows)
    references = [[made_up_text(rng) for _ in range(count)] for count in counts]
    predictions = [
        rng.choice(row) if rng.random() < 0.2 else made_up_text(rng) for row in references
    ]
    return predictions, references


def by_sacrebleu(predictions, references):
    """Return sacreBLEU's own result; it wants columns, and "" or None where a reference lacks."""
    most = max(map(len, references))
    padded = [[*row, *[None] * (most - len(row))] for row in references]
    scorer = BLEU(max_ngram_order=1)
    return scorer.corpus_score(predictions, list(zip(*padded, strict=True))), scorer


def by_hand(predictions, references):
    """Return the score by counting words."""
    words = Tokenizer13a()
    matches = written = length = 0
    for prediction, row in zip(predictions, references, strict=True):
        said = words(prediction.rstrip()).split()
        rights = [words(reference.rstrip()).split() for reference in row]
        for word, times in Counter(said).items():
            matches += min(times, max(right.count(word) for right in rights))
        written += len(said)
        length += min((abs(len(right) - len(said)), len(right)) for right in rights)[1]
    if not written:
        return 0.0
    return 100 * matches / written * min(1.0, math.exp(1 - length / written))


def test_five_thousand_made_up_corpora_score_as_with_sacrebleu_and_by_hand():
    rng = random.Random(0)
    for _ in range(5000):
        predictions, references = made_up(rng)
        ours = corpus_bleu_1(predictions, references)
        theirs, scorer = by_sacrebleu(predictions, references)
        assert ours.score == pytest.approx(theirs.score, rel=0, abs=1e-9)
        assert ours.signature.endswith(str(scorer.get_signature()))
        sums = ours.statistics.sum(axis=0)
        assert sums.tolist() == [theirs.counts[0], theirs.sys_len, theirs.ref_len]
        assert float(bleu_1(sums)) == pytest.approx(theirs.score, rel=0, abs=1e-9)
        assert by_hand(predictions, references) == pytest.approx(theirs.score, rel=0, abs=1e-9)


def test_the_rows_of_a_part_give_the_score_of_the_part():
    predictions, references = made_up(random.Random(3))
    whole = corpus_bleu_1(predictions, references)
    part = corpus_bleu_1(predictions[1:], references[1:])
    assert whole.statistics[1:].tolist() == part.statistics.tolist()
    assert float(bleu_1(whole.statistics[1:].sum(axis=0))) == pytest.approx(part.score)


def test_many_sums_at_once_give_what_each_gives_alone():
    sums = [[3, 4, 5], [0, 4, 5], [0, 0, 5], [0, 0, 0], [5, 5, 0], [2, 9, 3]]
    assert bleu_1(sums).tolist() == [float(bleu_1(row)) for row in sums]


def test_the_references_that_count_are_the_closest_and_of_two_the_shorter():
    assert corpus_bleu_1(["a b c"], [["a b c d e", "a"]]).statistics.tolist() == [[3, 3, 1]]
    assert corpus_bleu_1(["a b c"], [["a b c d", "a"]]).statistics.tolist() == [[3, 3, 4]]


def test_a_word_matches_as_often_as_the_reference_that_has_it_most():
    assert corpus_bleu_1(["a a a"], [["a b c", "a a c"]]).statistics.tolist() == [[2, 3, 3]]


def test_short_answers_pay_the_brevity_penalty_and_case_counts():
    assert corpus_bleu_1(["cat"], [["cat sat"]]).score == pytest.approx(100 * math.exp(-1))
    assert corpus_bleu_1(["Cat"], [["cat"]]).score == 0


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_prediction_scores_nothing_and_is_no_error(empty):
    assert corpus_bleu_1([empty], [["cat"]]).score == 0
    half = corpus_bleu_1([empty, "cat"], [["cat"], ["cat"]])
    assert half.statistics.tolist() == [[0, 0, 1], [1, 1, 1]]
    assert half.score == pytest.approx(100 * math.exp(-1))


def test_the_signature_says_how_it_was_computed():
    signature = corpus_bleu_1(["a"], [["a", "b"]]).signature
    said = dict(part.split(":") for part in signature.split("|"))
    assert said["order"] == "1"
    assert (said["level"], said["reflen"]) == ("corpus", "closest")
    assert (said["tok"], said["case"], said["smooth"], said["nrefs"]) == (
        "13a",
        "mixed",
        "exp",
        "2",
    )
    assert said["version"]
    assert "nrefs:var" in corpus_bleu_1(["a", "b"], [["a", "b"], ["b"]]).signature


def test_many_texts_that_look_tokenised_are_nothing_to_warn_about(caplog):
    corpus_bleu_1(["a ."] * 200, [["a ."]] * 200)
    assert not caplog.records


@pytest.mark.parametrize(
    ("code", "predictions", "references"),
    [("DATA-EMPTY", [], []), ("EVAL-MISSING", ["a", "b"], [["a"], []])],
)
def test_what_cannot_be_compared_is_refused(code, predictions, references):
    with pytest.raises(DataError) as caught:
        corpus_bleu_1(predictions, references)
    assert caught.value.code == code
