"""Pairs: TRL's conventions, from every format of file, and what is refused."""

import json

import pytest
from trl.data_utils import extract_prompt

from loratory.data.load import load_dataset, load_file
from loratory.data.pairs import pair_row
from loratory.data.records import Record
from loratory.data.rows import Message
from loratory.errors import DataError
from loratory.recipe.schema import DataSection

PAIR = ("a film that", " moves", " bores")
CHAT = [[{"role": "user", "content": "how is it ?"}], [{"role": "assistant", "content": "good"}]]


def row_of(chosen, rejected, prompt=None):
    return pair_row(Record("a.jsonl:1", (chosen, rejected, prompt)), "train/0")


def test_columns_may_have_other_names_in_every_format(tmp_path):
    import pyarrow
    from pyarrow import parquet

    names = ("question", "good", "bad")
    settings = dict(zip(("prompt", "chosen", "rejected"), names, strict=True))
    rows = [dict(zip(names, PAIR, strict=True)), {name: f" {name} b" for name in names}]
    files = [tmp_path / f"a.{ending}" for ending in ("jsonl", "csv", "parquet")]
    files[0].write_text("".join(json.dumps(row) + "\n" for row in rows))
    files[1].write_text(
        "\n".join([",".join(names), *(",".join(row[name] for name in names) for row in rows), ""])
    )
    parquet.write_table(pyarrow.Table.from_pylist(rows), files[2])
    found = [
        load_dataset(DataSection(train=str(file), **settings), "pairs").rows("train")
        for file in files
    ]
    assert [(row.prompt, row.chosen, row.rejected) for row in found[0]] == [
        PAIR,
        tuple(f" {name} b" for name in names),
    ]
    contents = [[(row.prompt, row.chosen, row.rejected) for row in rows] for rows in found]
    assert contents[0] == contents[1] == contents[2]


def test_a_missing_prompt_is_what_trl_extracts(tmp_path):
    pair = {"chosen": "the film is good .", "rejected": "the film is bad ."}
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(pair) + "\n")
    (row,) = load_file(str(file), DataSection(train="a"), "pairs", None).rows("file")
    expected = extract_prompt(pair)
    assert {key: getattr(row, key) for key in expected} == expected


def test_chat_messages_are_read_and_their_common_beginning_is_the_prompt():
    other = {"role": "assistant", "content": "bad"}
    row = row_of(CHAT[0] + CHAT[1], [*CHAT[0], other])
    assert row.prompt == (Message("user", "how is it ?"),)
    assert (row.chosen, row.rejected) == ((Message("assistant", "good"),), (Message(**other),))
    assert row_of(CHAT[1], [other], CHAT[0]) == row


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ((" a", " a", "x"), "identical"),
        (("", " a", "x"), "chosen answer is empty"),
        ((" a", "  ", "x"), "rejected answer is empty"),
        ((" a", None, "x"), "rejected answer is empty"),
        ((" a", [], "x"), "rejected answer is empty"),
        ((" a", ["b"], "x"), "no role and content"),
        ((" a", 3, "x"), "neither text nor a list"),
        ((CHAT[1], " a", CHAT[0]), "mixed"),
        ((CHAT[1], [{"role": "robot", "content": "b"}], CHAT[0]), "unknown role"),
        (("good", "bad", None), "no prompt"),
        (("good film", "good", None), "no prompt"),
    ],
)
def test_what_is_no_pair_is_refused(pair, problem):
    with pytest.raises(DataError, match=problem) as error:
        row_of(*pair)
    assert error.value.code == "DATA-PAIR"
    assert error.value.at == "a.jsonl:1"


def test_a_pair_that_is_there_the_other_way_round_is_a_conflict(tmp_path):
    names = ("prompt", "chosen", "rejected")
    swapped = (PAIR[0], PAIR[2], PAIR[1])
    lines = [json.dumps(dict(zip(names, pair, strict=True))) for pair in (PAIR, swapped)]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="the other way round") as error:
        load_dataset(DataSection(train=str(file), conflicts="refuse"), "pairs")
    assert error.value.code == "DATA-CONFLICT"
