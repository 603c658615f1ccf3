"""Every format through one door."""

from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from loratory.data.readers import read_table, unknown_format
from loratory.errors import DataError

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"), min_size=1
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1))
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_holds_the_same_rows(write, ending, rows):
    path = write(f"train{ending}", [*rows, ("the", "end")], columns=("said", "by"))
    records = read_table(path, ("said", "by")).records
    assert [record.values for record in records] == [*rows, ("the", "end")]


@pytest.mark.parametrize("ending", [".CSV", ".Jsonl"])
def test_the_ending_may_be_in_capitals(write, ending):
    path = write(f"train{ending.lower()}", [("one", "a")])
    renamed = path.rename(path.with_suffix(ending))
    assert (
        read_table(renamed, ("text", "label")).records[0].place
        == f"train{ending}:{1 + (ending == '.CSV')}"
    )


@pytest.mark.parametrize("name", ["train.json", "train.xlsx", "train.csv.gz", "train"])
def test_an_unknown_format_is_refused_with_the_known_ones(write, name):
    with pytest.raises(DataError, match=r"expected \.csv, \.tsv, \.jsonl or \.parquet") as caught:
        read_table(write(name, b"x"), ("text",))
    assert caught.value.code == "DATA-FILE"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", b""),
        ("train.csv", b"text,label\n"),
        ("train.tsv", b"text\tlabel"),
        ("train.jsonl", b"\n\n"),
        ("train.parquet", None),
    ],
)
def test_no_rows_are_refused(write, name, content):
    if content is None:
        path = write(name, [("one", "a")])
        parquet.write_table(parquet.read_table(path).slice(0, 0), path)
    else:
        path = write(name, content)
    with pytest.raises(DataError, match="0 rows") as caught:
        read_table(path, ("text", "label"))
    assert (caught.value.code, caught.value.at) == ("DATA-EMPTY", str(path))


def test_a_table_is_identified_by_the_file_s_bytes(write):
    path = write("train.csv", b"text,label\none,a\n")
    table = read_table(path, ("text", "label"))
    assert table.digest == sha256(path.read_bytes()).hexdigest()
    assert table.description == str(path)


@pytest.mark.parametrize(
    ("ending", "digits"), [(".csv", True), (".tsv", True), (".jsonl", False), (".parquet", False)]
)
def test_only_files_of_bare_text_have_numbers_as_digits(write, ending, digits):
    assert read_table(write(f"a{ending}", [("one", "a")]), ("text",)).digits is digits


@pytest.mark.parametrize("ending", FORMATS)
def test_what_a_file_lacks_of_the_optional_columns_is_none(write, ending):
    path = write(f"a{ending}", [("one", "1"), ("two", "2")], columns=("text", "id"))
    records = read_table(path, ("text",), optional=("more", "id")).records
    assert [record.values for record in records] == [("one", None, "1"), ("two", None, "2")]


def test_a_line_of_json_may_lack_what_another_has(write):
    path = write("a.jsonl", b'{"text": "one", "id": "1"}\n{"text": "two"}\n')
    records = read_table(path, ("text",), optional=("id",)).records
    assert [record.values for record in records] == [("one", "1"), ("two", None)]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_an_optional_column_is_not_named_twice(write, ending):
    path = write(f"a{ending}", [("one", "1")], columns=("text", "id"))
    if ending == ".parquet":
        table = parquet.read_table(path)
        twice = table.append_column("id", table.column("id"))
        parquet.write_table(twice, path)
    else:
        path.write_bytes(path.read_bytes().replace(b"text", b"id"))
    with pytest.raises(DataError, match="'id' is named twice"):
        read_table(path, ("text",), optional=("id",))


@pytest.mark.parametrize(
    ("endings", "expected"), [((".json",), ".json"), ((".a", ".b", ".c"), ".a, .b or .c")]
)
def test_an_unknown_format_names_the_endings_there_are(tmp_path, endings, expected):
    error = unknown_format(tmp_path / "a.XLSX", endings)
    assert (error.code, error.got, error.expected) == ("DATA-FILE", ".xlsx", expected)
