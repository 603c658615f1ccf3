"""Ratings: the threshold, and what is no rating."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.ratings import rating_label
from loratory.errors import DataError


@pytest.mark.parametrize(
    ("rating", "label"),
    [
        ("0.8", 1),
        ("0.80", 1),
        ("1", 1),
        ("1.0", 1),
        ("0.8333333333", 1),
        ("0.79", 0),
        ("0", 0),
        ("0.7999999", 0),
        ("0.79999999999999999999", 0),
        ("0.6", 0),
    ],
)
def test_a_rating_of_at_least_four_fifths_is_well_formed(rating, label):
    assert rating_label(rating, "train.tsv:1") == label


@settings(deadline=None)
@given(st.decimals(0, 1, places=9))
def test_the_threshold_is_exact(rating):
    assert rating_label(f"{rating:f}", "train.tsv:1") == (Fraction(rating) >= Fraction(4, 5))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("raters", [5, 6])
def test_means_of_raters_keep_their_class_in_either_float(kind, raters):
    for votes in range(raters + 1):
        stored = float(kind(votes / raters))
        assert rating_label(stored, "hub:1") == (Decimal(votes) / raters >= Decimal("0.8"))


@pytest.mark.parametrize(
    "rating",
    [
        "0,8",
        "80%",
        "8",
        "-0.2",
        "nan",
        "NaN",
        "inf",
        "1e400",
        "1e-1",
        "good",
        "",
        " 0.8",
        "0.8 ",
        "1.0000001",
        ".8",
        "0.",
        "+0.8",
        "0x1",
        "\u0660",
        "0." + "1" * 50,
        None,
        True,
        1.01,
        -0.01,
        float("nan"),
        float("inf"),
        ["0.8"],
    ],
)
def test_what_is_no_rating_is_refused(rating):
    with pytest.raises(DataError, match="from 0 to 1") as caught:
        rating_label(rating, "train.tsv:7")
    assert (caught.value.code, caught.value.at) == ("DATA-RANGE", "train.tsv:7")
