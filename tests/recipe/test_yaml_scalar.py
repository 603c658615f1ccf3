"""Scalars by YAML 1.2's core schema."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.recipe.yaml_scalar import resolved_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5.0E+3", 5000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-7", -7),
        ("+7", 7),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("Null", None),
        ("-.inf", -math.inf),
        (".INF", math.inf),
        ("1e400", math.inf),
    ],
)
def test_numbers_booleans_and_null_are_those_of_yaml_1_2(text, value):
    assert resolved_scalar(text) == value
    assert type(resolved_scalar(text)) is type(value)


def test_not_a_number_is_one_of_them():
    assert math.isnan(resolved_scalar(".NaN"))


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "Off", "y", "1:30", "1_000", "1e-4x", "0b1", "0o8", "2024-01-31", "tRUE"],
)
def test_what_only_yaml_1_1_resolves_is_text(text):
    assert resolved_scalar(text) == text


@given(st.integers())
def test_every_whole_number_of_ordinary_length_is_exact(number):
    assert resolved_scalar(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read_back(number):
    assert resolved_scalar(repr(number)) == number


def test_thousands_of_digits_are_a_number_too_large_for_any_setting():
    assert resolved_scalar("9" * 90_000) == math.inf
