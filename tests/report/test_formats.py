"""Numbers as a person reads them."""

import pytest

from loratory.report import formats


def plain(text):
    return text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (42.13, "42.1 s"),
        (59.96, "1 min 00 s"),
        (60, "1 min 00 s"),
        (222.4, "3 min 42 s"),
        (3599.7, "1 h 00 min"),
        (3600, "1 h 00 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_a_time_span_is_told_in_its_two_largest_units(seconds, words):
    assert plain(formats.duration(seconds)) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [(12, "12 bytes"), (999_960, "1.0 MB"), (9_791_240, "9.8 MB"), (3.2e12, "3,200.0 GB")],
)
def test_bytes_are_told_in_decimal_units(amount, words):
    assert plain(formats.size(amount)) == words


def test_shares_are_told_in_percent_and_correlations_are_not():
    assert plain(formats.metric_value("accuracy", 0.8618)) == "86.2 %"
    assert plain(formats.metric_value("matthews_correlation", -0.25)) == "\u22120.250"
    assert plain(formats.metric_interval("f1", (0.841, 0.883))) == "84.1 to 88.3 %"
    assert formats.metric_interval("matthews_correlation", (0.5, 0.75)) == "0.500 to 0.750"


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("matthews_correlation", "Matthews correlation"),
        ("exact_match", "exact match"),
        ("bleu_1", "BLEU-1"),
        ("has_answer_f1", "F1, answerable"),
        ("no_answer_accuracy", "accuracy, unanswerable"),
        ("false_no_answer", "wrongly no answer"),
        ("bits_per_byte", "bits per byte"),
    ],
)
def test_metrics_have_names_in_words(metric, words):
    assert formats.metric_name(metric) == words


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("has_answer_exact_match", 0.5, "50.0 %"),
        ("no_answer_accuracy", 1.0, "100.0 %"),
        ("bleu_1", 34.21, "34.2"),
        ("perplexity", 8.1234, "8.12"),
        ("perplexity", 234.56, "234.6"),
        ("perplexity", 123_456.7, "123,457"),
        ("perplexity", 1e304, "1e+304"),
        ("bits_per_byte", 0.98765, "0.988"),
        ("nats_per_token", 1234.5, "1,234.500"),
    ],
)
def test_each_metric_has_its_own_unit_and_digits(metric, value, words):
    assert plain(formats.metric_value(metric, value)) == words


@pytest.mark.parametrize(
    ("metric", "gap", "words"),
    [
        ("f1", -0.025, "2.5 points"),
        ("bleu_1", 1.24, "1.2 points"),
        ("perplexity", -7.0, "7.00"),
        ("matthews_correlation", -0.1, "0.100"),
    ],
)
def test_a_distance_is_told_in_points_where_there_are_some(metric, gap, words):
    assert formats.metric_gap(metric, gap) == words


@pytest.mark.parametrize(
    ("metric", "difference", "interval", "words"),
    [
        ("f1", 0.02, (0.01, 0.03), ("+2.0 points", "+1.0 to +3.0 points")),
        ("bleu_1", 1.24, (-0.5, 3.0), ("+1.2 points", "\u22120.5 to +3.0 points")),
        ("perplexity", -0.5, (-0.8, -0.2), ("\u22120.50", "\u22120.80 to \u22120.20")),
        ("bits_per_byte", -0.1, (-0.2, 0.1), ("\u22120.100", "\u22120.200 to +0.100")),
    ],
)
def test_a_difference_and_its_interval_have_signs_and_one_unit(metric, difference, interval, words):
    assert formats.metric_difference(metric, difference, interval) == words


def test_an_axis_names_the_unit_and_which_end_is_better():
    assert formats.metric_axis("accuracy") == "accuracy (%)"
    assert formats.metric_axis("bleu_1") == "BLEU-1"
    assert formats.metric_axis("perplexity") == "perplexity (lower is better)"
    assert formats.metric_axis("false_no_answer") == "wrongly no answer (%, lower is better)"


@pytest.mark.parametrize(
    ("value", "words"), [(0.931, "93.1 %"), (0.0004, "< 0.1 %"), (0.0005, "0.1 %"), (0.0, "0.0 %")]
)
def test_a_small_probability_is_not_called_none(value, words):
    assert plain(formats.probability(value)) == words


def test_a_moment_is_a_date_and_a_time_of_day():
    assert formats.moment(1_768_392_153.0) == "14 January 2026, 12:02 UTC"


def test_an_end_that_is_not_known_is_said_to_be_so():
    assert formats.bracketed((0.8414, 0.88)) == "[0.841, 0.880]"
    assert formats.bracketed((-0.03, 0.01), decimals=4, signed=True) == "[-0.0300, +0.0100]"
    assert formats.bracketed((0.0, float("inf"))) == "[0.000, unknown]"
    assert formats.bracketed([None, None]) == "[unknown, unknown]"
