"""The pictures of a comparison: what each setting does, in order and with names."""

import pytest

from loratory.experiments.compare import compare
from loratory.report.canvas import new_axes, plot_style
from loratory.report.compare_charts import alike_groups, effect_charts, setting_places


def marked(values):
    with plot_style():
        axes = new_axes(height=2, title="", x="", y="")
        at = setting_places(axes, values)
        return at, [tick.get_text() for tick in axes.get_xticklabels()]


def test_numbers_are_in_order_also_where_an_entry_lacks_the_setting():
    at, names = marked([64, None, 4, 196, 16])
    assert names == ["4", "16", "64", "196", "\N{EN DASH}"]
    assert [at[name] for name in names] == [0, 1, 2, 3, 4]
    assert marked(["b", True, 3, "a"])[1] == ["3", "a", "b", "true"]


def test_numbers_alone_stand_where_their_size_puts_them():
    assert marked([16, 4, 8])[0] == {"4": 4.0, "8": 8.0, "16": 16.0}


@pytest.fixture
def found(make_run):
    return compare(
        [
            make_run(f"r{r}-{rate}", 0.5 + r / 100, r=r, learning_rate=rate)
            for r in (4, 16)
            for rate in (0.001, 0.01)
        ]
    )


def test_lines_of_entries_alike_in_the_rest_are_named_by_what_varies(found):
    groups = alike_groups(found.entries, "method.r")
    assert {label for label, _ in groups} == {"learning_rate=0.001", "learning_rate=0.01"}
    assert [len(group) for _, group in groups] == [2, 2]
    with plot_style():
        plots = {plot.name: plot.svg for plot in effect_charts(found)}
    assert "learning_rate=0.01" in plots["effect_method.r"]
    assert "r=16" in plots["effect_training.learning_rate"]


def test_a_single_line_needs_no_name(make_run):
    only = compare([make_run("small", 0.6, r=4), make_run("large", 0.9, r=16)])
    assert [len(group) for _, group in alike_groups(only.entries, "method.r")] == [2]
    with plot_style():
        (plot,) = effect_charts(only)
    assert "legend" not in plot.svg
