"""Errors: what their first line says, and what stays of one that is told in other words."""

from loratory.errors import ConfigError, DataError, RunError, reworded

WRONG = DataError(
    "DATA-LABEL", "an unknown label", at="a.csv:3", got="gud", expected="good or bad", fix="mend it"
)


def test_a_headline_is_one_line_with_place_and_both_values():
    assert WRONG.headline == (
        "error[DATA-LABEL]: an unknown label, at a.csv:3, got 'gud', expected good or bad"
    )
    assert str(WRONG) == f"{WRONG.headline}\nfix: mend it"
    assert "\n" not in RunError("RUN-IO", "two\nlines", fix="none").headline


def test_a_reworded_error_keeps_what_is_not_said_anew():
    same = reworded(WRONG, DataError)
    assert (str(same), same.exit_code) == (str(WRONG), 3)
    other = reworded(WRONG, ConfigError, code="CFG-DATA", at="data.train")
    assert other.exit_code == 2
    assert other.headline == (
        "error[CFG-DATA]: an unknown label, at data.train, got 'gud', expected good or bad"
    )
    assert other.fix == "mend it"
