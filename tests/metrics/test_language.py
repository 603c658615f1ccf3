"""Language metrics: equal to going through every token of every text."""

import math
import random

import numpy as np
import pytest

from loratory.errors import DataError
from loratory.metrics.language import evaluate_language, language_metrics
from loratory.metrics.predictions import Prediction


def line(number, *, nats, tokens, bytes_):
    scores = {"nats": nats, "tokens": tokens, "bytes": bytes_}
    return Prediction(str(number), "", None, "", scores)


def of_tokens(texts):
    """Return the lines of texts, each the probabilities of its tokens and its bytes."""
    return [
        line(
            number,
            nats=-sum(math.log(share) for share in shares),
            tokens=len(shares),
            bytes_=bytes_,
        )
        for number, (shares, bytes_) in enumerate(texts)
    ]


def test_every_metric_equals_going_through_the_tokens():
    rng = random.Random(0)
    for _ in range(100):
        texts = [
            ([rng.uniform(1e-6, 1) for _ in range(rng.randint(1, 20))], rng.randint(1, 90))
            for _ in range(rng.randint(1, 9))
        ]
        shares = [share for tokens, _ in texts for share in tokens]
        bits = -sum(math.log2(share) for share in shares)
        assert evaluate_language(of_tokens(texts)).metrics == pytest.approx(
            {
                "perplexity": math.prod(shares) ** (-1 / len(shares)),
                "bits_per_byte": bits / sum(bytes_ for _, bytes_ in texts),
                "nats_per_token": bits / math.log2(math.e) / len(shares),
            },
            rel=1e-9,
        )


def test_a_guess_among_n_tokens_has_perplexity_n():
    scores = evaluate_language(of_tokens([([1 / 8] * 5, 5), ([1 / 8] * 2, 2)]))
    assert scores.metrics["perplexity"] == pytest.approx(8)
    assert scores.metrics["bits_per_byte"] == pytest.approx(3)
    for name, (low, high) in scores.intervals.items():
        assert (low, high) == pytest.approx((scores.metrics[name],) * 2)


def test_every_token_counts_the_same_whatever_the_length_of_its_text():
    whole = evaluate_language(of_tokens([([0.5, 0.1, 0.1], 3)])).metrics
    parts = evaluate_language(of_tokens([([0.5], 1), ([0.1, 0.1], 2)])).metrics
    assert whole == pytest.approx(parts)


def test_many_sums_at_once_give_what_each_gives_alone():
    sums = np.random.default_rng(0).uniform(1, 9, (50, 3))
    together = language_metrics(sums)
    for row, alone in enumerate(map(language_metrics, sums)):
        assert {name: values[row] for name, values in together.items()} == pytest.approx(alone)


def test_every_metric_has_an_interval_around_it():
    texts = [([0.5] * 4, 9), ([0.01] * 3, 5), ([0.2] * 9, 8), ([0.9], 4)]
    scores = evaluate_language(of_tokens(texts))
    assert scores.intervals.keys() == scores.metrics.keys()
    for name, (low, high) in scores.intervals.items():
        assert low < scores.metrics[name] < high


def test_texts_without_a_token_to_predict_are_counted_and_change_nothing():
    texts = of_tokens([([0.5, 0.1], 3), ([0.2], 2)])
    empty = [line("x", nats=0, tokens=0, bytes_=1), line("y", nats=1.5, tokens=1, bytes_=0)]
    without, scores = evaluate_language(texts), evaluate_language([*texts, *empty])
    assert (scores.metrics, scores.intervals) == (without.metrics, without.intervals)
    assert scores.counts == {"texts": 2, "tokens": 3, "bytes": 5, "empty": 2}


def test_a_hopeless_model_has_a_finite_perplexity():
    scores = evaluate_language([line(0, nats=1e6, tokens=1, bytes_=1)])
    assert math.isfinite(scores.metrics["perplexity"])
    assert scores.metrics["nats_per_token"] == 1e6


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("DATA-EMPTY", []),
        ("DATA-EMPTY", [line(0, nats=0, tokens=0, bytes_=1)]),
        ("EVAL-MISSING", [Prediction("0", "", None, "", {"nats": 1.0, "tokens": 1.0})]),
        ("EVAL-TYPE", [line(0, nats=-1.0, tokens=1, bytes_=1)]),
        ("EVAL-TYPE", [line(0, nats=math.nan, tokens=1, bytes_=1)]),
        ("EVAL-TYPE", [line(0, nats=math.inf, tokens=1, bytes_=1)]),
    ],
)
def test_lines_that_cannot_be_scored_are_refused(code, lines):
    with pytest.raises(DataError) as caught:
        evaluate_language(lines)
    assert caught.value.code == code
