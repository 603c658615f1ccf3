"""Plain texts: the paragraphs of .txt files, and columns of texts."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratory.data.lines import MOST_BYTES
from loratory.data.plain import text_table
from loratory.data.rows import TextRow
from loratory.errors import DataError


def rows(load, name, content, **settings):
    dataset = load({name: content}, reads="texts", **settings)
    return [(row.id, row.text, row.place) for row in dataset.rows("train")]


def test_the_paragraphs_of_a_txt_file_are_texts(load):
    content = "\ufeff\n \t\none\ntwo  \r\n\r\n \u3000\n\n  three \u2028 x\n\n".encode()
    assert rows(load, "train.txt", content) == [
        ("train/0", "one\ntwo  ", "train.txt:3"),
        ("train/1", "  three \u2028 x", "train.txt:8"),
    ]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_column_of_a_file_of_rows_is_texts(load, write, ending):
    path = write(f"train.{ending}", [("one", "1"), ("two", "2")], columns=("said", "n"))
    content = path.read_bytes()
    found = rows(load, f"train.{ending}", content, text="said")
    assert [text for _, text, _ in found] == ["one", "two"]
    assert [row_id for row_id, _, _ in found] == ["train/0", "train/1"]


def test_rows_are_plain_texts_and_there_are_no_classes(load):
    dataset = load({"train.txt": b"one", "test.jsonl": b'{"text": "two"}'}, reads="texts")
    assert dataset.labels == ()
    assert dataset.rows("test") == (TextRow("test/0", "two", "test.jsonl:1"),)
    assert dataset.warnings == ()


BLOCK = st.lists(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\u202d\u202e")
    ).map(lambda text: f"x{text}"),
    min_size=1,
    max_size=3,
).map("\n".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(BLOCK, min_size=1, max_size=5), st.integers(1, 3))
def test_paragraphs_are_what_blank_lines_part_and_stay_whole(write, blocks, blank):
    path = write("train.txt", ("\n" * (blank + 1)).join(blocks).encode())
    assert [record.values[0] for record in text_table(path, "text").records] == blocks


def test_a_paragraph_is_as_long_as_it_is(load):
    long = "\n".join(["word " * 1000] * 300)
    assert len(long) > MOST_BYTES
    assert [text for _, text, _ in rows(load, "train.txt", long.encode())] == [long]


@pytest.mark.parametrize(
    ("bad", "code", "line"),
    [
        (b"caf\xe9", "DATA-ENC", 4),
        (b"a\rb", "DATA-ENC", 4),
        (b"\n\r \n", "DATA-ENC", 5),
        (b"a" * (MOST_BYTES + 1), "DATA-TEXT", 4),
        (b"a\0b", "DATA-TEXT", 3),
        ("a\u202eb".encode(), "DATA-TEXT", 3),
        ("\n\u200b\n\u2060\n".encode(), "DATA-TEXT", 5),
    ],
)
def test_a_malformed_paragraph_is_refused_where_it_stands(load, bad, code, line):
    """By the line where bytes are at fault, else by the paragraph's first line."""
    content = b"one\n\ntwo\n" + bad + b"\nthree\n\nfour\n"
    with pytest.raises(DataError) as caught:
        rows(load, "train.txt", content)
    assert (caught.value.code, caught.value.at) == (code, f"train.txt:{line}")
    kept = [text for _, text, _ in rows(load, "train.txt", content, max_bad_rows=1)]
    assert (kept[0], kept[-1]) == ("one", "four")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("train.txt", b"", "DATA-EMPTY"),
        ("train.txt", b"\n \n", "DATA-EMPTY"),
        ("train.csv", b"txt\none\n", "DATA-COL"),
        ("train.json", b"{}", "DATA-FILE"),
        ("train.md", b"one", "DATA-FILE"),
    ],
)
def test_a_file_without_texts_is_refused(load, name, content, code):
    with pytest.raises(DataError) as caught:
        rows(load, name, content)
    assert caught.value.code == code
    if code == "DATA-FILE":
        assert caught.value.expected == ".txt, .csv, .tsv, .jsonl or .parquet"


def test_texts_are_held_out_limited_and_compared_like_others(load):
    many = "\n\n".join(f"text {n // 2}" for n in range(40)).encode()
    dataset = load(
        {"train.txt": many}, reads="texts", holdout={"validation": 10}, limit={"train": 20}
    )
    sizes = {split: len(found) for split, found in dataset.splits.items()}
    assert sizes == {"train": 20, "validation": 10}
    assert {row.id.split("/")[0] for row in dataset.rows("validation")} == {"validation"}
    texts = [{row.text for row in found} for found in dataset.splits.values()]
    assert not texts[0] & texts[1]
    with pytest.raises(DataError, match="DATA-LEAK"):
        load({"train.txt": b"one\n\ntwo", "test.txt": b"ONE"}, reads="texts")
