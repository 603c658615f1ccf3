"""The tables of a comparison: what stands in them, by hand."""

import json

import pytest

from loratory.experiments.compare import compare
from loratory.report.canvas import plot_style
from loratory.report.compare_charts import front_chart
from loratory.report.compare_tables import (
    audit_tables,
    entry_table,
    pair_table,
    rows_table,
    settings_table,
)

SAME = (("good", 0.9, 8), ("dear", 0.6, 16), ("cheap", 0.5, 4))


@pytest.fixture
def found(make_run):
    return compare([make_run(name, value, r=r) for name, value, r in SAME])


def audited(run, conflicts):
    """Write an audit of its rows into a run's result."""
    lengths = {"min": 1, "median": 2, "p95": 3, "max": 4}
    train = {
        "rows": 60, "classes": {"negative": 30, "positive": 30}, "characters": lengths,
        "duplicates": 0, "skipped": 0, "questions": None,
    }  # fmt: skip
    audit = {"splits": {"train": train}, "shared": {}, "conflicts": conflicts, "leaks": {}}
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | {"audit": audit}))


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


def test_an_audit_stands_once_for_all_runs_of_the_same_rows(make_run):
    runs = [make_run(name, value, r=r) for name, value, r in SAME]
    assert audit_tables(compare(runs)) == []
    for run, conflicts in zip(runs, (0, 0, 7), strict=True):
        audited(run, conflicts)
    one, other = audit_tables(compare(runs))
    assert one.caption == "r=8, r=16; rows that contradict an earlier one: 0"
    assert other.caption == "r=4; rows that contradict an earlier one: 7"
    assert [cell.value for cell in one.rows[2]] == ["negative", "30"]
    audited(runs[2], 0)
    (all_alike,) = audit_tables(compare(runs))
    assert all_alike.caption == "Rows that contradict an earlier one: 0"
