"""The catalogue of malformed rows: each is found when the data is loaded, where it stands.

Every bad row stands between good ones, in every format that can hold it. With a budget of one it is
left out, and the good rows stay.
"""

import json
from typing import NamedTuple

import pytest

from loratory.data.lines import MOST_BYTES
from loratory.errors import DataError

HEADERS = {"csv": b"text,label\n", "tsv": b"text\tlabel\n", "jsonl": b""}
FORMATS = tuple(HEADERS)
LABELS = ("negative", "positive")


def line(kind, text, label=b"positive"):
    """Return one line with these bytes in its fields, whatever they are."""
    match kind:
        case "jsonl":
            return b'{"text": "%s", "label": "%s"}\n' % (text, label)
        case "csv":
            return b'"%s",%s\n' % (text, label)
        case _:
            return b"%s\t%s\n" % (text, label)


def good(kind, *texts):
    return b"".join(
        line(kind, text.encode(), LABELS[number % 2].encode()) for number, text in enumerate(texts)
    )


# Bytes of a text, the same in each format.
BYTES = {
    "invalid byte": (b"a \xff film", "DATA-ENC"),
    "latin-1": ("un café noir".encode("latin-1"), "DATA-ENC"),
    "windows-1252": ("a “film”".encode("cp1252"), "DATA-ENC"),
    "cut utf-8": ("a café".encode()[:-1], "DATA-ENC"),
    "overlong slash": (b"a \xc0\xaf film", "DATA-ENC"),
    "overlong euro": (b"a \xf0\x82\x82\xac film", "DATA-ENC"),
    "encoded surrogate": (b"a \xed\xa0\x80 film", "DATA-ENC"),
    "above unicode": (b"a \xf4\x90\x80\x80 film", "DATA-ENC"),
    "byte order mark mid-file": ("\ufeffa film".encode(), "DATA-ENC"),
    "lone CR": (b"a\rfilm", "DATA-ENC"),
    "NUL": (b"a\0film", "DATA-TEXT"),
    "backspace": (b"a\x08film", "DATA-TEXT"),
    "escape": (b"a\x1b[31mfilm", "DATA-TEXT"),
    "delete": (b"a\x7ffilm", "DATA-TEXT"),
    "C1 control": ("a\x97film".encode(), "DATA-TEXT"),
    "bidi override": ("a\u202efilm".encode(), "DATA-TEXT"),
    "line over the limit": (b"a" * MOST_BYTES, "DATA-TEXT"),
    "empty": (b"", "DATA-TEXT"),
    "spaces": (b"   ", "DATA-TEXT"),
    "no-break spaces": ("\u00a0\u3000".encode(), "DATA-TEXT"),
    "zero-width only": ("\u200b\u200d\u2060".encode(), "DATA-TEXT"),
}
LABEL_BYTES = {
    "unknown": b"neutral",
    "trailing space": b"positive ",
    "leading space": b" positive",
    "case": b"Positive",
    "empty": b"",
    "null in quotes": b"null",
    "missing as pandas writes it": b"NaN",
    "float": b"1.0",
    "out of range": b"2",
    "negative": b"-1",
    "padded": b"01",
    "boolean": b"true",
    "yaml boolean": b"no",
    "two labels": b"positive;negative",
}
# Whole lines of one format.
LINES = {
    "csv": {
        "one field": (b"a film\n", "DATA-COL"),
        "three fields": (b"a film,positive,1\n", "DATA-COL"),
        "trailing comma": (b"a film,positive,\n", "DATA-COL"),
        "comma outside quotes": (b"good, bad,positive\n", "DATA-COL"),
        "blank line": (b"\n", "DATA-COL"),
        "header repeated": (b"text,label\n", "DATA-COL"),
        "quote at start": (b'"fine" she said,positive\n', "DATA-COL"),
    },
    "tsv": {
        "one field": (b"a film\n", "DATA-COL"),
        "tab inside text": (b"a\tfilm\tpositive\n", "DATA-COL"),
        "trailing tab": (b"a film\tpositive\t\n", "DATA-COL"),
        "blank line": (b"\n", "DATA-COL"),
        "header repeated": (b"text\tlabel\n", "DATA-COL"),
    },
    "jsonl": {
        "truncated": (b'{"text": "a film", "lab\n', "DATA-JSON"),
        "extra brace": (b'{"text": "a film", "label": "positive"}}\n', "DATA-JSON"),
        "two objects": (b'{"text": "a", "label": "positive"} {"text": "b"}\n', "DATA-JSON"),
        "list": (b'["a film", "positive"]\n', "DATA-JSON"),
        "number": (b"42\n", "DATA-JSON"),
        "null line": (b"null\n", "DATA-JSON"),
        "NaN": (b'{"text": "a film", "label": NaN}\n', "DATA-JSON"),
        "infinity": (b'{"text": "a film", "label": -Infinity}\n', "DATA-JSON"),
        "1e400": (b'{"text": "a film", "label": 1e400}\n', "DATA-JSON"),
        "huge integer": (b'{"text": "a", "label": %s}\n' % (b"9" * 5000), "DATA-JSON"),
        "duplicate key": (b'{"text": "a", "text": "b", "label": "positive"}\n', "DATA-JSON"),
        "single quotes": (b"{'text': 'a film', 'label': 'positive'}\n", "DATA-JSON"),
        "comment": (b'{"text": "a film", "label": "positive"} // good\n', "DATA-JSON"),
        "trailing comma": (b'{"text": "a film", "label": "positive",}\n', "DATA-JSON"),
        "deep nesting": (b"[" * 100_000 + b"\n", "DATA-JSON"),
        "blank line": (b"\n", "DATA-JSON"),
        "raw tab": (b'{"text": "a\tfilm", "label": "positive"}\n', "DATA-JSON"),
        "escaped NUL": (b'{"text": "a\\u0000film", "label": "positive"}\n', "DATA-TEXT"),
        "lone surrogate": (b'{"text": "a\\ud800film", "label": "positive"}\n', "DATA-TEXT"),
        "text is a number": (b'{"text": 42, "label": "positive"}\n', "DATA-TEXT"),
        "text is null": (b'{"text": null, "label": "positive"}\n', "DATA-TEXT"),
        "text is nested": (b'{"text": {"en": "a film"}, "label": "positive"}\n', "DATA-TEXT"),
        "text is a list": (b'{"text": ["a", "film"], "label": "positive"}\n', "DATA-TEXT"),
        "column missing": (b'{"text": "a film"}\n', "DATA-COL"),
        "column renamed": (b'{"text": "a film", "Label": "positive"}\n', "DATA-COL"),
        "label is null": (b'{"text": "a film", "label": null}\n', "DATA-LABEL"),
        "label is a boolean": (b'{"text": "a film", "label": true}\n', "DATA-LABEL"),
        "label is a float": (b'{"text": "a film", "label": 1.0}\n', "DATA-LABEL"),
        "label is a list": (b'{"text": "a film", "label": ["positive"]}\n', "DATA-LABEL"),
        "label is an object": (b'{"text": "a film", "label": {"is": 1}}\n', "DATA-LABEL"),
        "label out of range": (b'{"text": "a film", "label": 2}\n', "DATA-LABEL"),
        "label type changes": (b'{"text": "a film", "label": 1}\n', "DATA-LABEL"),
    },
}


class Case(NamedTuple):
    kind: str
    bad: bytes
    code: str

    @property
    def content(self):
        before, after = good(self.kind, "a fine film", "dull", "lovely"), good(self.kind, "joy")
        return HEADERS[self.kind] + before + self.bad + after


def catalogue():
    """Return every malformed line with its format and the code of its error, by name."""
    cases = {}
    for kind in FORMATS:
        for name, (text, code) in BYTES.items():
            cases[f"{kind}-text-{name}"] = Case(kind, line(kind, text), code)
        for name, label in LABEL_BYTES.items():
            cases[f"{kind}-label-{name}"] = Case(kind, line(kind, b"a film", label), "DATA-LABEL")
        for name, (bad, code) in LINES[kind].items():
            cases[f"{kind}-line-{name}"] = Case(kind, bad, code)
    return cases


CATALOGUE = catalogue()
every_case = pytest.mark.parametrize("case", CATALOGUE.values(), ids=CATALOGUE)


def test_the_catalogue_holds_more_than_a_hundred_kinds():
    assert len(CATALOGUE) > 100


@every_case
def test_a_malformed_row_is_refused_where_it_stands(load, case):
    name = f"train.{case.kind}"
    with pytest.raises(DataError) as caught:
        load({name: case.content}, LABELS)
    place = 4 if case.kind == "jsonl" else 5
    assert (caught.value.code, caught.value.at) == (case.code, f"{name}:{place}")
    assert caught.value.fix
    assert "\n" not in caught.value.headline


@every_case
def test_a_malformed_row_within_the_budget_is_left_out_and_counted(load, case):
    dataset = load({f"train.{case.kind}": case.content}, LABELS, max_bad_rows=1)
    assert [row.text for row in dataset.rows("train")] == ["a fine film", "dull", "lovely", "joy"]
    assert [row.id for row in dataset.rows("train")] == [f"train/{n}" for n in (0, 1, 2, 4)]
    assert (dataset.sources["train"].rows, dataset.sources["train"].skipped) == (5, 1)
    assert dataset.warnings[0].startswith("malformed train rows left out: 1 (first: train.")


@pytest.mark.parametrize(
    ("text", "label", "code"),
    [
        (None, 1, "DATA-TEXT"),
        ("  ", 1, "DATA-TEXT"),
        ("a\0film", 1, "DATA-TEXT"),
        ("a film", None, "DATA-LABEL"),
        ("a film", 2, "DATA-LABEL"),
    ],
)
def test_a_malformed_row_of_a_parquet_file_is_refused_where_it_stands(load, text, label, code):
    rows = [("a fine film", 1), ("dull", 0), (text, label), ("joy", 1)]
    with pytest.raises(DataError) as caught:
        load({"train.parquet": rows}, LABELS)
    assert (caught.value.code, caught.value.at) == (code, "train.parquet:3")
    assert len(load({"train.parquet": rows}, LABELS, max_bad_rows=1).rows("train")) == 3


@pytest.mark.parametrize("labels", [[True, False], [1.0, 0.0], [[1], [0]]])
def test_parquet_columns_of_other_types_are_no_labels(load, labels):
    rows = list(zip(["a fine film", "dull"], labels, strict=True))
    with pytest.raises(DataError) as caught:
        load({"train.parquet": rows}, LABELS)
    assert (caught.value.code, caught.value.at) == ("DATA-LABEL", "train.parquet:1")


ACCEPTED = {
    "one character": "x",
    "punctuation": "?!…",
    "emoji and joiners": "👩‍👩‍👧 ❤️ a film",
    "right-to-left": "فيلم جميل",
    "combining": "cafe\u0301",
    "line separator inside": "one\u2028two\u2029three",
    "next to nothing": "\u200ba",
    "ten thousand words": "very " * 10_000 + "long",
    "words that others turn into nothing": "NA",
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_unusual_texts_are_kept_as_they_are(load, kind, text):
    content = HEADERS[kind] + line(kind, text.encode()) + line(kind, b"dull", b"negative")
    assert load({f"train.{kind}": content}, LABELS).rows("train")[0].text == text


def test_json_strings_may_hold_tabs_and_line_ends(load):
    text = "one\ttwo\nthree\r\nfour"
    content = b"".join(
        json.dumps({"text": text + label, "label": label}).encode() + b"\n" for label in LABELS
    )
    assert load({"train.jsonl": content}, LABELS).rows("train")[0].text == f"{text}negative"
