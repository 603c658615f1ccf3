"""Parquet: typed columns come back as they were written."""

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from loratory.data.parquet import parquet_records
from loratory.errors import DataError

TEXTS = [None, "one", "z\u00e9ro\u2028", ""]


def file_of(*columns, **kwargs):
    sink = pyarrow.BufferOutputStream()
    names, arrays = zip(*columns, strict=True)
    parquet.write_table(pyarrow.Table.from_arrays(list(arrays), names=list(names)), sink, **kwargs)
    return sink.getvalue().to_pybytes()


def refused(content, columns=("text", "label")):
    with pytest.raises(DataError) as caught:
        parquet_records(content, "train.parquet", columns)
    return caught.value


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.integers(-(2**63), 2**63 - 1),
        ),
        min_size=1,
    )
)
def test_texts_and_numbers_are_read_back(rows):
    texts, numbers = map(list, zip(*rows, strict=True))
    content = file_of(
        ("text", pyarrow.array(texts, pyarrow.string())),
        ("more", pyarrow.array(numbers, pyarrow.int64())),
        ("label", pyarrow.array(numbers, pyarrow.int64())),
    )
    records = parquet_records(content, "train.parquet", ("text", "label"))
    assert [record.values for record in records] == rows
    assert [record.place for record in records] == [
        f"train.parquet:{number}" for number in range(1, len(rows) + 1)
    ]


@pytest.mark.parametrize(
    "kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.dictionary("int8", pyarrow.string())]
)
def test_texts_of_every_storage_are_texts(kind):
    content = file_of(("text", pyarrow.array(TEXTS).cast(kind)))
    records = parquet_records(content, "train.parquet", ("text",))
    assert [record.values for record in records] == [(text,) for text in TEXTS]


@pytest.mark.parametrize("value", [True, 1.0, [1], {"a": 1}])
def test_other_values_come_as_they_are_and_are_not_made_labels(value):
    content = file_of(("label", pyarrow.array([value])))
    (record,) = parquet_records(content, "train.parquet", ("label",))
    assert record.values == (value,)
    assert type(record.values[0]) is type(value)


def test_a_text_that_is_not_utf_8_is_a_fault_of_its_row():
    data = pyarrow.array([b"one", b"tw\xff", b"three"], pyarrow.binary())
    unchecked = pyarrow.Array.from_buffers(pyarrow.string(), 3, data.buffers())
    one, fault, three = parquet_records(file_of(("text", unchecked)), "train.parquet", ("text",))
    assert (one.values, three.values) == (("one",), ("three",))
    assert (fault.code, fault.at) == ("DATA-ENC", "train.parquet:2")
    assert "byte 3" in fault.problem


def test_a_missing_column_is_named_beside_those_there_are():
    error = refused(file_of(("Text", pyarrow.array(["one"])), ("label", pyarrow.array([1]))))
    assert (error.code, error.at) == ("DATA-COL", "train.parquet")
    assert "did you mean 'Text'?" in error.fix


def test_a_column_named_twice_is_refused():
    error = refused(file_of(*[("text", pyarrow.array(["one"]))] * 2, ("label", pyarrow.array([1]))))
    assert (error.code, error.problem) == ("DATA-COL", "column 'text' is named twice")


def test_what_is_not_a_whole_parquet_file_is_refused():
    content = file_of(("text", pyarrow.array(["one"] * 100)), ("label", pyarrow.array([1] * 100)))
    middle = len(content) // 4
    broken = [b"", b"text,label\none,1\n", content[:-1], content[:-200], content[100:]]
    broken.append(content[:middle] + b"\xff" * 40 + content[middle + 40 :])
    assert {refused(bytes_).code for bytes_ in broken} == {"DATA-FILE"}
