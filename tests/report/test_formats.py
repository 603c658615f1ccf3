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


def test_metrics_have_names_in_words():
    assert formats.metric_name("matthews_correlation") == "Matthews correlation"
    assert formats.metric_name("exact_match") == "exact match"


def test_a_moment_is_a_date_and_a_time_of_day():
    assert formats.moment(1_768_392_153.0) == "14 January 2026, 12:02 UTC"
