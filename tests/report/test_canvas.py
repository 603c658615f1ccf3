"""The look of plots: the same wherever they are drawn, and safe for any name."""

import matplotlib as mpl
import pytest

from loratory.report.canvas import (
    add_legend,
    add_levels,
    finished,
    new_axes,
    plot_style,
    spread,
)


def drawn(label):
    with plot_style():
        axes = new_axes(height=2, title=label, x="x", y="y")
        axes.plot([0, 1], [0, 1], label=label)
        axes.plot([0, 1], [1, 0], label="other")
        add_legend(axes)
        return finished(axes, name="plot", text="two lines")


def test_a_plot_is_a_png_and_an_svg_whose_text_is_text():
    plot = drawn("größe")
    assert plot.png.startswith(b"\x89PNG\r\n")
    assert plot.svg.startswith("<?xml")
    assert "größe" in plot.svg


def test_a_name_is_no_formula_and_no_markup():
    plot = drawn("$5-$10_x^ <b>\\frac</b>")
    assert ">$5-$10_x^ &lt;b&gt;\\frac&lt;/b&gt;" in plot.svg


def test_a_script_without_glyphs_is_left_to_the_browser():
    assert "非常好" in drawn("非常好").svg


def test_the_same_drawing_has_the_same_bytes():
    assert drawn("label") == drawn("label")


def test_a_callers_own_plot_settings_neither_change_nor_matter():
    with mpl.rc_context({"text.color": "red", "axes.facecolor": "red"}):
        theirs = drawn("label")
        assert mpl.rcParams["text.color"] == "red"
    assert theirs == drawn("label")


def test_the_names_of_levels_do_not_lie_on_each_other():
    with plot_style():
        axes = new_axes(height=3, title="", x="x", y="y")
        axes.plot([0, 1], [0, 100])
        add_levels(axes, {"upper": 50.1, "lower": 50.0, "high": 90.0})
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["upper"] - heights["lower"] > 0.05
    assert heights["high"] == pytest.approx(0.82, abs=0.05)


@pytest.mark.parametrize("along", ["x", "y"])
@pytest.mark.parametrize(
    ("values", "scale"), [([1, 15], "linear"), ([1, 50], "log"), ([0, 50], "linear")]
)
def test_only_values_far_apart_get_a_logarithmic_scale(along, values, scale):
    with plot_style():
        axes = new_axes(height=3, title="", x="x", y="y")
        axes.plot(values, values)
        spread(axes, values, along=along)
    assert (axes.get_xscale() if along == "x" else axes.get_yscale()) == scale
