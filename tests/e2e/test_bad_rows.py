"""Files and rows that cannot be used: named by file and line, before any folder appears."""

import json

import pytest

CSV = "text,label\ngood,positive\nbad,negative\n"
JSON = '{"text": "good", "label": "positive"}\n{"text": "bad", "label": "negative"}\n'
GOOD = {"text": "fine", "label": "positive"}


def row(**changes):
    return JSON + json.dumps(GOOD | changes) + "\n"


# What is wrong, the file, the code, and where: the line that the message names.
ENCODING = [
    ("an invalid byte", CSV.encode() + b"caf\xff,positive\n", "DATA-ENC", 4),
    ("Latin-1", CSV.encode() + b"caf\xe9,positive\n", "DATA-ENC", 4),
    ("UTF-16", CSV.encode("utf-16"), "DATA-ENC", 1),
    ("a mark in the middle", CSV.encode() + b"\xef\xbb\xbfx,positive\n", "DATA-ENC", 4),
    ("an overlong form", CSV.encode() + b"\xc0\xaf,positive\n", "DATA-ENC", 4),
    ("a NUL", CSV + "a\0b,positive\n", "DATA-TEXT", 4),
    ("a lone surrogate", row(text="a\ud800"), "DATA-TEXT", 3),
    ("a control character", CSV + "a\x07b,positive\n", "DATA-TEXT", 4),
    ("a text turned round", CSV + "a\u202eb,positive\n", "DATA-TEXT", 4),
    ("zero width alone", CSV + "\u200b\u200d,positive\n", "DATA-TEXT", 4),
]
LINES = [
    ("a blank line", CSV + "\nx,positive\n", "DATA-COL", 4),
    ("lone returns", CSV.replace("\n", "\r"), "DATA-ENC", 1),
    ("a line of 2 MB", CSV + "x" * (2 << 20) + ",positive\n", "DATA-TEXT", 4),
    ("a quote left open", CSV + '"x,positive\ny,negative\n', "DATA-COL", 4),
    ("a comma too many", CSV + "x,positive,\n", "DATA-COL", 4),
]
OBJECTS = [
    ("a line cut in the middle", JSON + '{"text": "x", "la', "DATA-JSON", 3),
    ("a brace too many", JSON + json.dumps(GOOD) + "}\n", "DATA-JSON", 3),
    ("two objects on a line", JSON + json.dumps(GOOD) * 2 + "\n", "DATA-JSON", 3),
    ("a list", JSON + "[1]\n", "DATA-JSON", 3),
    ("a number", JSON + "3\n", "DATA-JSON", 3),
    ("a NaN", JSON + '{"text": "x", "label": NaN}\n', "DATA-JSON", 3),
    ("a key twice", JSON + '{"text": "x", "text": "y", "label": "positive"}\n', "DATA-JSON", 3),
    ("single quotes", JSON + "{'text': 'x'}\n", "DATA-JSON", 3),
    ("a comment", JSON + "// x\n", "DATA-JSON", 3),
    ("a deep nest", JSON + '{"text": ' + "[" * 100_000 + "\n", "DATA-JSON", 3),
]
COLUMNS = [
    ("a column missing", "label\npositive\n", "DATA-COL", 1),
    ("a field missing", CSV + "x\n", "DATA-COL", 4),
    ("a field too many", CSV + "x,y,positive\n", "DATA-COL", 4),
    ("another name", "txt,label\ngood,positive\n", "DATA-COL", 1),
    ("another case", "Text,label\ngood,positive\n", "DATA-COL", 1),
    ("the header again", CSV + "text,label\n", "DATA-COL", 4),
    ("no header", "good,positive\nbad,negative\n", "DATA-COL", 1),
    ("a name twice", "text,text,label\na,b,positive\n", "DATA-COL", 1),
    ("a key missing", JSON + '{"text": "x"}\n', "DATA-COL", 3),
]
LABELS = [
    ("an unknown label", CSV + "x,great\n", "DATA-LABEL", 4),
    ("a space after it", CSV + "x,positive \n", "DATA-LABEL", 4),
    ("another case", CSV + "x,Positive\n", "DATA-LABEL", 4),
    ("a null", row(label=None), "DATA-LABEL", 3),
    ("no label", CSV + "x,\n", "DATA-LABEL", 4),
    ("a boolean", row(label=True), "DATA-LABEL", 3),
    ("a fraction", row(label=1.0), "DATA-LABEL", 3),
    ("a number too large", row(label=2), "DATA-LABEL", 3),
    ("a list", row(label=["positive"]), "DATA-LABEL", 3),
    ("a word like missing", CSV + "x,NA\n", "DATA-LABEL", 4),
]
TEXTS = [
    ("an empty text", CSV + ",positive\n", "DATA-TEXT", 4),
    ("spaces alone", CSV + '"  ",positive\n', "DATA-TEXT", 4),
    ("a number for a text", row(text=3), "DATA-TEXT", 3),
    ("an object for a text", row(text={"a": "b"}), "DATA-TEXT", 3),
    ("a text above the base's limit", CSV + "word " * 100 + ",positive\n", "DATA-TRUNC", 4),
    ("10,000 times the same", CSV + "ab" * 10_000 + ",positive\n", "DATA-TRUNC", 4),
]
BAD = ENCODING + LINES + OBJECTS + COLUMNS + LABELS + TEXTS

WHOLES = [
    ("nothing", "", "DATA-EMPTY", "rows.csv"),
    ("a header alone", "text,label\n", "DATA-EMPTY", "rows.csv"),
    ("one row", "text,label\na,positive\n", "DATA-CLASS", "rows.csv"),
    ("one class", "text,label\na,positive\nb,positive\n", "DATA-CLASS", "all 2 training rows"),
]

# Odd, and yet rows: each is trained on as it is.
ACCEPTED = [
    ("a mark at the start", "\ufeff" + CSV, "rows.csv"),
    ("CR LF", CSV.replace("\n", "\r\n"), "rows.csv"),
    ("no last line end", CSV.rstrip("\n"), "rows.csv"),
    ("a line separator in a text", CSV + "a\u2028b,positive\n", "rows.csv"),
    ("one character", CSV + "!,positive\n", "rows.csv"),
    ("an emoji of several", CSV + "\U0001f469\u200d\U0001f680,positive\n", "rows.csv"),
    ("another order", "label,text\npositive,good\nnegative,bad\n", "rows.csv"),
    ("a further column", "id,text,label\n1,good,positive\n2,bad,negative\n", "rows.csv"),
    ("a tab in a text", CSV + "a\tb,positive\n", "rows.csv"),
    ("labels that YAML would turn", "text,label\na,no\nb,NA\n", "rows.csv"),
]


def encoded(text):
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture
def write(tmp_path, gpt2_folder):
    """Return a function that writes rows and the recipe that names them."""

    def write(content, name="rows.csv", more=""):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else encoded(content))
        path = tmp_path / "recipe.yaml"
        path.write_text(
            f"base: {gpt2_folder}\ntask: {{labels: [negative, positive]}}\n"
            f"data: {{train: {name}{more}}}\n"
        )
        return path

    return write


@pytest.mark.parametrize(("content", "code", "line"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_malformed_row_is_refused_by_its_line(refused, write, content, code, line):
    is_json = isinstance(content, str) and content.startswith("{")
    name = "rows.jsonl" if is_json else "rows.csv"
    found = refused("train", write(content, name))
    assert (found.exit_code, found.code) == (3, code)
    assert f"at {name}:{line}" in found.headline


@pytest.mark.parametrize(
    ("content", "code", "named"), [w[1:] for w in WHOLES], ids=[w[0] for w in WHOLES]
)
def test_rows_that_are_too_few_are_refused(refused, write, content, code, named):
    found = refused("train", write(content))
    assert (found.exit_code, found.code) == (3, code)
    assert named in found.headline


@pytest.mark.parametrize(
    ("content", "name"), [a[1:] for a in ACCEPTED], ids=[a[0] for a in ACCEPTED]
)
def test_an_odd_row_is_a_row(loratory, write, monkeypatch, tmp_path, content, name):
    monkeypatch.chdir(tmp_path)
    labels = ["task.labels=[no, NA]"] if ",NA" in content else []
    ran = loratory("data", "check", write(content, name), *labels, "--json")
    rows = content.rstrip("\r\n").count("\n")
    assert (ran.code, json.loads(ran.out)["splits"]["train"]["rows"]) == (0, rows)


def test_a_tsv_line_with_a_field_less_is_refused(refused, write):
    found = refused("train", write("id\ttext\tlabel\n1\ta\tpositive\n2\tb\n", "rows.tsv"))
    assert (found.code, found.exit_code) == ("DATA-COL", 3)
    assert "2 fields, at rows.tsv:3, expected 3" in found.headline


@pytest.mark.parametrize("rating", ["0,8", "8", "-0.2", "NaN", "80%", "1e400", "", "high"])
def test_a_rating_that_is_none_is_refused(refused, tmp_path, gpt2_folder, rating):
    folder = tmp_path / "query_wellformedness"
    folder.mkdir()
    (folder / "train.tsv").write_text(f"what is it ?\t1.0\nhow many\t{rating}\n")
    settings = [f"base={gpt2_folder}", f"data.dir={tmp_path}"]
    found = refused("train", "query_wellformedness", *settings)
    assert (found.exit_code, found.code) == (3, "DATA-RANGE")
    assert "train.tsv:2" in found.headline


def test_a_missing_file_is_refused_with_the_nearest_name(refused, write):
    path = write(CSV)
    found = refused("train", path, "data.train=rosw.csv")
    assert (found.exit_code, found.code) == (3, "DATA-FILE")
    assert "rows.csv" in found.fix


def test_the_same_text_in_train_and_test_is_refused(refused, write, tmp_path):
    (tmp_path / "test.csv").write_text("text,label\nnew,positive\n Good ,positive\n")
    found = refused("train", write(CSV, more=", test: test.csv"))
    assert (found.exit_code, found.code) == (3, "DATA-LEAK")
    assert "1 of 2 test rows are also in the training rows" in found.headline
    assert "rows.csv:2, at test.csv:3" in found.headline


def test_one_text_with_two_labels_is_refused_where_asked(refused, write):
    found = refused("train", write(CSV + "good,negative\n", more=", conflicts: refuse"))
    assert (found.exit_code, found.code) == (3, "DATA-CONFLICT")
    assert "rows.csv:2 ('positive'), at rows.csv:4" in found.headline


def test_one_text_with_two_labels_is_warned_of(loratory, write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = loratory("data", "check", write(CSV + "good,negative\n"), "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["conflicts"]) == (0, 1)
    assert any("rows.csv:4 and rows.csv:2" in line for line in answer["warnings"])


def test_a_reserved_token_in_a_text_is_warned_of(loratory, write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = loratory("data", "check", write(CSV + "end <|endoftext|> end,positive\n"), "--json")
    (warning,) = [line for line in json.loads(ran.out)["warnings"] if "reserved" in line]
    assert "read as plain text (first: rows.csv:4)" in warning


def test_malformed_rows_within_the_budget_are_left_out_and_counted(
    loratory, write, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    path = write(CSV + "x,great\n,positive\n", more=", max_bad_rows: 2")
    answer = json.loads(loratory("data", "check", path, "--json").out)
    assert (answer["splits"]["train"]["rows"], answer["splits"]["train"]["skipped"]) == (2, 2)
    assert any("left out: 2 (first: rows.csv:4" in line for line in answer["warnings"])


def test_one_malformed_row_above_the_budget_is_refused(refused, write):
    found = refused("train", write(CSV + "x,great\n,positive\n", more=", max_bad_rows: 1"))
    assert found.exit_code == 3
