"""What goes where: one JSON object or the result to standard output, the rest to the other."""

import json

import pytest
from rich.table import Table

from loratory.cli.output import (
    console,
    print_error,
    print_json,
    print_table,
    print_text,
    with_interval,
)
from loratory.errors import DataError

ERROR = DataError("DATA-TEXT", "empty text", at="a.csv:3", fix="fill it in")


def test_json_is_one_object_with_letters_as_they_are(capsys):
    print_json({"text": "Zürich [bold]", "n": 1.5})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"text": "Zürich [bold]", "n": 1.5}
    assert ("Zürich" in out, err) == (True, "")


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"n": float("nan")})


def test_text_and_tables_are_results(capsys):
    print_text("[red] report: a")
    table = Table("metric", "value")
    table.add_row("accuracy", "0.862")
    print_table(table)
    out, err = capsys.readouterr()
    assert out.startswith("[red] report: a\n")
    assert ("accuracy" in out, err) == (True, "")


def test_brackets_and_colons_are_shown_as_they_are(capsys):
    table = Table("[/b]", title="[INST]", width=60)
    table.add_row("[neutral] :warning: [/INST]")
    print_table(table)
    console.print("[/INST] :warning: [neutral]")
    out, err = capsys.readouterr()
    assert all(text in out for text in ("[/b]", "[INST]", "[neutral] :warning: [/INST]"))
    assert err == "[/INST] :warning: [neutral]\n"


def test_an_error_goes_to_standard_error(capsys):
    print_error(ERROR, as_json=False)
    assert capsys.readouterr() == (
        "",
        "error[DATA-TEXT]: empty text, at a.csv:3\nfix: fill it in\n",
    )


def test_with_json_an_error_is_the_one_object(capsys):
    print_error(ERROR, as_json=True)
    out, err = capsys.readouterr()
    headline, fix = err.splitlines()
    assert json.loads(out) == {
        "error": {"code": "DATA-TEXT", "message": headline, "fix": fix.removeprefix("fix: ")}
    }


@pytest.mark.parametrize("interval", [(0.841, 0.883), [0.841, 0.883]])
def test_a_metric_is_shown_with_its_interval(interval):
    assert with_interval(0.8624, interval) == "0.862 [0.841, 0.883]"


def test_a_metric_without_an_interval_is_shown_alone():
    assert with_interval(-0.5, None) == "-0.500"
