"""Label columns: names, numbers, and everything that is neither."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.labels import LabelColumn, inferred_labels
from loratory.errors import DataError

NAMES = ("negative", "positive")


def refused(column, value):
    with pytest.raises(DataError) as caught:
        column(value, "train.csv:7")
    assert (caught.value.code, caught.value.at) == ("DATA-LABEL", "train.csv:7")
    return caught.value


@pytest.mark.parametrize("digits", [True, False])
def test_names_are_their_places_in_the_list(digits):
    column = LabelColumn(NAMES, digits=digits)
    assert [column(name, "f:1") for name in ("positive", "negative")] == [1, 0]


def test_whole_numbers_are_the_numbers_of_the_classes():
    assert [LabelColumn(NAMES)(number, "f:1") for number in (1, 0)] == [1, 0]
    assert [LabelColumn(NAMES, digits=True)(number, "f:1") for number in ("1", "0")] == [1, 0]


def test_digits_in_json_are_a_name():
    assert "not one of the classes" in refused(LabelColumn(NAMES), "1").problem


def test_numbers_that_are_names_mean_those_names():
    assert LabelColumn(("2", "1"))(1, "f:1") == 1
    assert LabelColumn(("2", "1"), digits=True)("1", "f:1") == 1
    refused(LabelColumn(("2", "1")), 0)
    refused(LabelColumn(("2", "1"), digits=True), "0")


@pytest.mark.parametrize(
    "value", [2, -1, 10**30, True, False, 0.0, 1.0, None, "", [0], {"a": 0}, b"0"]
)
def test_what_is_no_class_is_refused(value):
    refused(LabelColumn(NAMES), value)


@pytest.mark.parametrize("value", ["2", "-1", "01", "1.0", "+1", " 1", "\u0661", "true", ""])
def test_digits_that_are_no_class_are_refused(value):
    refused(LabelColumn(NAMES, digits=True), value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "positive ",
            "not one of the classes (a space before or after it?), at train.csv:7, got "
            "'positive ', expected 'negative' or 'positive'",
        ),
        ("Positive", "(upper or lower case?)"),
        ("neutral", "got 'neutral'"),
        (None, "the label is missing, at train.csv:7, got a null"),
        ("", "the label is missing"),
        (True, "got a boolean true"),
        (1.0, "neither a name nor a whole number, at train.csv:7, got 1.0"),
    ],
)
def test_the_message_says_what_is_wrong(value, said):
    assert said in refused(LabelColumn(NAMES), value).headline


@pytest.mark.parametrize("value", ["bell\a", "\ud800", "\u202epositive"])
def test_a_label_is_refused_what_a_text_is(value):
    with pytest.raises(DataError, match=r"DATA-TEXT.* of the label"):
        LabelColumn(("negative", value))(value, "f:1")
    assert inferred_labels(["positive", value, "negative"]) == NAMES


def test_many_classes_are_not_all_listed():
    error = refused(LabelColumn([f"class {n}" for n in range(150)]), "x")
    assert error.expected.startswith("one of 150 classes: 'class 0', ")
    assert len(error.expected) < 200


@pytest.mark.parametrize(
    ("digits", "first", "then"), [(False, 1, "positive"), (True, "positive", "1")]
)
def test_one_file_does_not_mix_names_and_numbers(digits, first, then):
    column = LabelColumn(NAMES, digits=digits)
    assert column(first, "f:1") == 1
    assert "change between names and numbers" in refused(column, then).problem
    assert column(first, "f:3") == 1


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["pos", "neg", "pos"], ("neg", "pos")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        ([10, 9, 0], ("0", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["01", "1", "2"], ("01", "1", "2")),
        (["no", "yes", "NA", "None"], ("NA", "None", "no", "yes")),
        ([], ()),
    ],
)
def test_labels_found_are_sorted_and_numbers_as_numbers(values, labels):
    assert inferred_labels(values) == labels


def test_what_may_be_a_slip_is_no_class_of_its_own():
    values = ["good", "bad", "Good", "bad ", "", None, 1, True, 0.5, ["good"]]
    assert inferred_labels(values) == ("bad", "good")


def test_the_first_label_decides_between_names_and_numbers():
    assert inferred_labels([1, 0, "1", "good"]) == ("0", "1")


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1))
def test_labels_found_read_back_every_number(values):
    labels = inferred_labels(values)
    assert [int(labels[LabelColumn(labels)(value, "f:1")]) for value in values] == values
