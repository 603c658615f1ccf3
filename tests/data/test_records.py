"""What is said of a column that is missing."""

import pytest

from loratory.data.records import missing_column


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("text", "set data.text (`loratory predict`: --column) to a column that the file has"),
        ("label", "set data.label to a column that the file has"),
        ("chosen", "set data.chosen to a column that the file has"),
        ("problem", "call the column 'problem', or correct the setting that names it, if one does"),
        ("review", "call the column 'review', or correct the setting that names it, if one does"),
    ],
)
def test_the_advice_names_the_setting_of_that_column(column, said):
    error = missing_column(column, ["a", "b"], "train.csv:1")
    assert error.fix.endswith(said)
