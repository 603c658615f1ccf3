"""`loratory predict`: labels and probabilities for texts, a file or standard input."""

import io
import json

import pytest

TEXTS = ["lovely, moving", "dull", "quiet"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_texts_on_the_command_line_are_predicted_one_line_each(loratory, film_run):
    ran = loratory("predict", film_run, *TEXTS)
    found = lines(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert [line["text"] for line in found] == TEXTS
    assert [line["id"] for line in found] == ["0", "1", "2"]
    for line in found:
        assert line["scores"].keys() == {"negative", "positive"}
        assert sum(line["scores"].values()) == pytest.approx(1)


def test_standard_input_is_one_text_per_line(loratory, film_run):
    given = loratory("predict", film_run, stdin="\r\n".join(TEXTS) + "\r\n")
    assert (given.code, given.out) == (0, loratory("predict", film_run, *TEXTS).out)


def test_standard_input_is_utf_8_whatever_the_locale_and_other_bytes_are_refused(
    loratory, film_run
):
    def given(data):
        return io.TextIOWrapper(io.BytesIO(data), encoding="ascii")

    ran = loratory("predict", film_run, stdin=given("fine\ncaf\u00e9\n".encode()))
    assert [line["text"] for line in lines(ran.out)] == ["fine", "caf\u00e9"]
    ran = loratory("predict", film_run, stdin=given("fine\ncaf\u00e9\n".encode("latin-1")))
    assert (ran.code, ran.out) == (3, "")
    assert "unpaired surrogate U+DCE9 at character 4 of the text, at text 2" in ran.err


def test_a_file_is_predicted_with_its_places(loratory, film_run, file):
    found = lines(loratory("predict", film_run, "--file", file).out)
    assert [line["id"] for line in found] == [f"texts.jsonl:{n}" for n in (1, 2, 3)]
    by_text = lines(loratory("predict", film_run, *TEXTS).out)
    assert [line["scores"] for line in found] == [line["scores"] for line in by_text]


def test_json_is_one_object(loratory, film_run, file):
    for arguments in (TEXTS, ["--file", file]):
        ran = loratory("predict", film_run, *arguments, "--json")
        found = json.loads(ran.out)
        assert (ran.code, ran.err, found.keys()) == (0, "", {"predictions"})
        assert [line.keys() for line in found["predictions"]] == [
            {"id", "prediction", "scores"} for _ in TEXTS
        ]


def test_predictions_go_into_a_file_where_one_is_named(loratory, film_run, file, tmp_path):
    out = tmp_path / "new" / "predictions.jsonl"
    ran = loratory("predict", film_run, "--file", file, "--out", out)
    assert (ran.code, ran.out, ran.err) == (0, "", f"3 predictions in {out}\n")
    assert [line["text"] for line in lines(out.read_text())] == TEXTS
    both = loratory("predict", film_run, "--file", file, "--out", out, "--json")
    assert len(json.loads(both.out)["predictions"]) == 3


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("a", "--file", "b.txt"), "", "CFG-USAGE]: both texts and --file"),
        ((), "", "CFG-USAGE]: no text to predict"),
        (("fine", "--column", "text"), "", "CFG-USAGE]: a column is named, and no file"),
        (("--column", "text"), "fine\n", "CFG-USAGE]: a column is named, and no file"),
        (("fine", " "), "", "DATA-TEXT]: empty text (spaces or zero-width"),
        ((), "fine\n\n", "DATA-TEXT]: empty text, at text 2"),
        (("long " * 100,), "", "DATA-TRUNC]: "),
        (("--file", "nowhere.csv"), "", "DATA-FILE]: "),
        (("--file", "{file}", "--column", "review"), "", "DATA-COL]: required column 'review'"),
    ],
)
def test_what_cannot_be_predicted_is_refused(loratory, film_run, file, arguments, stdin, words):
    given = [file if argument == "{file}" else argument for argument in arguments]
    ran = loratory("predict", film_run, *given, stdin=stdin)
    assert (ran.code, ran.out) == (2 if words.startswith("CFG") else 3, "")
    assert ran.err.startswith(f"error[{words}")


def test_a_file_of_questions_is_answered_with_their_ids(loratory, question_run):
    ran = loratory("predict", question_run, "--file", question_run.parent / "test.json")
    found = lines(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert [line["id"] for line in found] == [f"test-{number}" for number in range(4)]
    for number, line in enumerate(found):
        assert line["text"] == "When?"
        assert line["prediction"] in f"Ada wrote test {number} in {1900 + number}."
        assert max(line["scores"], key=line["scores"].get) == line["prediction"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("When?",), 3, "DATA-COL]: a question needs its context, at question 1"),
        (("--file", "{file}"), 3, "DATA-COL]: "),
        (("--file", "{file}", "--column", "text"), 2, "CFG-USAGE]: a file of questions has no col"),
    ],
)
def test_questions_without_contexts_are_refused(
    loratory, question_run, file, arguments, code, words
):
    given = [file if argument == "{file}" else argument for argument in arguments]
    ran = loratory("predict", question_run, *given)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"error[{words}")


@pytest.mark.parametrize("arguments", [("a text",), ("--file", "{file}")])
def test_a_run_of_plain_text_is_to_write_not_to_predict(loratory, text_run, file, arguments):
    given = [file if argument == "{file}" else argument for argument in arguments]
    ran = loratory("predict", text_run, *given)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[CFG-VALUE]: a run of task text writes on after a text")
    assert f'loratory generate {text_run} "a beginning"' in ran.err
