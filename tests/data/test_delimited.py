"""CSV as the standard library writes it, TSV without quotes, and column names."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loratory.data.delimited import csv_records, tsv_records
from loratory.errors import DataError

FIELD = st.text(st.characters(exclude_characters="\r\ufeff\0", exclude_categories=["Cs"]))
COLUMNS = ("text", "label")


def written(rows, end="\n"):
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end).writerows(rows)
    return file.getvalue().encode()


def values(records):
    return [record.values for record in records]


def refused(read, content, **options):
    with pytest.raises(DataError) as caught:
        read(content, "train.csv", COLUMNS, **options)
    assert caught.value.code == "DATA-COL"
    return caught.value


@settings(deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back(rows, end):
    rows = [row for row in rows if row != COLUMNS] + [("the", "end")]
    assert values(csv_records(written([COLUMNS, *rows], end), "train.csv", COLUMNS)) == rows


def test_a_quoted_field_keeps_its_line_ends_and_its_row_the_first_line_s_number():
    content = b'text,label\r\n"one\r\ntwo\nthree",a\r\nfour,b\r\n'
    first, second = csv_records(content, "train.csv", COLUMNS)
    assert (first.values, first.place) == (("one\r\ntwo\nthree", "a"), "train.csv:2")
    assert (second.values, second.place) == (("four", "b"), "train.csv:5")


def test_a_fault_inside_a_quoted_field_belongs_to_its_row():
    content = b'text,label\n"one\ntw\xffo\nthree",a\nfour,b\n'
    bad, good = csv_records(content, "train.csv", COLUMNS)
    assert (bad.code, bad.at) == ("DATA-ENC", "train.csv:3")
    assert good.values == ("four", "b")


@pytest.mark.parametrize(
    "rest",
    [
        b'"one,a\n"two,b\nthree,c\n',
        b'"one,a\ntwo,b\nthree,c\n',
        b'"one,a\ntwo,b\nthree "quoted" c,d\n',
    ],
)
def test_a_quote_that_swallows_rows_is_refused_where_it_opens(rest):
    error = refused(csv_records, b"text,label\nzero,z\n" + rest)
    assert error.at == "train.csv:3"
    assert "a quote is opened here and not closed" in error.problem


def test_a_quote_left_open_on_the_last_line_costs_that_line_alone():
    good, bad = csv_records(b'text,label\none,a\n"two,b\n', "train.csv", COLUMNS)
    assert (good.values, bad.code, bad.at) == (("one", "a"), "DATA-COL", "train.csv:3")
    assert "a quote is opened here and not closed" in bad.problem


def test_quotes_inside_a_field_are_said_to_be():
    (bad,) = csv_records(b'text,label\n"fine" she said,a\n', "train.csv", COLUMNS)
    assert "quotes do not enclose a whole field" in bad.problem


def test_tsv_takes_quotes_as_they_stand():
    content = b'text\tlabel\n"Shut up\ta\nsay "no"\tb\n'
    assert values(tsv_records(content, "train.tsv", COLUMNS)) == [
        ('"Shut up', "a"),
        ('say "no"', "b"),
    ]


def test_columns_are_found_by_name_wherever_they_stand():
    content = b"id,label,more,text\n1,a,x,one\n2,b,,two\n"
    assert values(csv_records(content, "train.csv", COLUMNS)) == [("one", "a"), ("two", "b")]


def test_a_file_without_column_names_is_read_with_those_given():
    records = tsv_records(b"x\t0\tone\n", "train.tsv", ("c", "b"), header=("a", "b", "c"))
    assert [(r.values, r.place) for r in records] == [(("one", "0"), "train.tsv:1")]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"text,class", "'label' is missing; found: 'text', 'class'"),
        (b"Text,label", "did you mean 'Text'?"),
        (b"text, label", "did you mean ' label'?"),
        (b"texts,label", "did you mean 'texts'?"),
        (b"a fine film,positive", "'text' is missing; found: 'a fine film', 'positive'"),
        (b"0,1", "'text' is missing; found: '0', '1'"),
        (b"text;label", "found: 'text;label'"),
        (b"", "found: ''"),
        (b"text,label,text", "'text' is named twice"),
        (b"text,label,", "column 3 has no name"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_column_names_that_cannot_be_used_are_refused(header, said, end):
    error = refused(csv_records, header + end + b"a fine film,positive" + end)
    assert error.at == "train.csv:1"
    assert said in f"{error.headline} {error.fix}".replace("nothing", "''")


def test_a_first_line_of_other_bytes_is_refused():
    with pytest.raises(DataError, match="DATA-ENC"):
        csv_records(b"text,l\xe9bel\na,b\n", "train.csv", COLUMNS)
