"""The look of plots: the same wherever they are drawn, and safe for any name."""

import matplotlib as mpl

from loratory.report.canvas import add_legend, finished, new_axes, plot_style


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
