"""The tables of a comparison: what stands in them, by hand."""

import pytest

from loratory.experiments.compare import compare
from loratory.report.canvas import plot_style
from loratory.report.compare_charts import front_chart
from loratory.report.compare_tables import (
    class_table,
    entry_table,
    pair_table,
    rows_table,
    settings_table,
)


@pytest.fixture
def found(make_run):
    return compare(
        [make_run("good", 0.9), make_run("dear", 0.6, r=16), make_run("cheap", 0.5, r=4)]
    )


def test_entries_have_their_value_their_letters_and_what_beats_them(found):
    columns, rows = entry_table(found, {})
    assert columns[:4] == ("run", "accuracy", "like", "training")
    assert [row[0].value for row in rows] == [entry.label for entry in found.entries]
    assert [row[1].order for row in rows] == [entry.value for entry in found.entries]
    seconds = {row[0].value: row[3] for row in rows}
    assert seconds["r=16"].value == "2\u202fmin 40\u202fs"
    assert [seconds[run].detail for run in ("r=8", "r=16", "r=4")] == ["", "beaten", ""]


def test_tokens_are_those_of_all_steps(found):
    columns, rows = entry_table(found, {})
    assert {row[columns.index("tokens trained on")].value for row in rows} == {"4,800"}


def test_of_many_entries_each_has_the_number_by_which_pictures_name_it(make_run):
    found = compare([make_run(f"r{r}", 0.5 + r / 50, r=r) for r in range(1, 9)])
    details = [row[0].detail for row in entry_table(found, {})[1]]
    assert [detail.split(",")[0] for detail in details] == [f"no. {n}" for n in range(1, 9)]
    with plot_style():
        plot = front_chart(found, "adapter_bytes")
    assert [f">{number}</text>" in plot.svg for number in (6, 7, 8)] == [False, True, True]


def test_only_settings_that_differ_are_shown(found):
    table = settings_table(found)
    assert table.columns == ("run", "method.r")
    assert {row[1].value for row in table.rows} == {"8", "16", "4"}


def test_only_pairs_that_differ_are_shown(found):
    differing = [pair for pair in found.pairs if pair.differs]
    rows = pair_table(found).rows
    assert [(row[0].value, row[1].value) for row in rows] == [
        (pair.a.label, pair.b.label) for pair in differing
    ]
    gap = rows[0][2]
    assert all(
        text.startswith("+") and text.endswith(" points") for text in (gap.value, gap.detail)
    )


def test_rows_that_are_the_same_for_all_are_one_line(found, make_run):
    table = rows_table(found)
    assert table.columns == ("", "train", "validation", "test")
    assert [cell.value for cell in table.rows[0]] == ["every run", "60", "200", "200"]
    assert table.rows[0][1].detail == "2 truncated"
    other = make_run("other", 0.9, splits=("validation",))
    assert len(rows_table(compare([found.entries[0].runs[0], other])).rows) == 2


def test_classes_are_counted_where_there_are_some(found):
    table = class_table(found)
    assert [[cell.value for cell in row] for row in table.rows] == [
        ["negative", "100", "100"],
        ["positive", "100", "100"],
    ]
