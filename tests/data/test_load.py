"""Whole data sets from a recipe's section: labels, splits, refusals, warnings, digests."""

import subprocess
import sys
from hashlib import sha256

import pytest

from loratory.data.load import load_dataset, load_file
from loratory.errors import DataError
from loratory.recipe.schema import DataSection, Holdout, Limits

LABELS = ("negative", "positive")
REVIEWS = [("a fine film", "positive"), ("a dull film", "negative"), ("what a joy", "positive")]
MORE = [("a waste of time", "negative"), ("not bad at all", "positive")]
MANY = [(f"text {n}", LABELS[n % 2]) for n in range(60)]
HEAVY = "datasets, huggingface_hub, numpy, pandas, pyarrow, sklearn, torch, transformers"


def refused(load, *args, **settings):
    with pytest.raises(DataError) as caught:
        load(*args, **settings)
    return caught.value


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_files_of_every_format_make_the_same_data_set(load, ending):
    data = load({f"train.{ending}": REVIEWS, f"validation.{ending}": MORE})
    assert data.labels == LABELS
    assert [(row.id, row.text, row.label) for row in data.rows("validation")] == [
        ("validation/0", "a waste of time", 0),
        ("validation/1", "not bad at all", 1),
    ]
    first_line = 2 if ending in ("csv", "tsv") else 1
    assert data.rows("train")[0].place == f"train.{ending}:{first_line}"
    assert data.warnings == ()


def test_the_formats_of_the_splits_may_differ_and_so_may_names_and_numbers(load):
    data = load({"train.csv": REVIEWS, "test.jsonl": [("new", 0), ("newer", 1)]}, LABELS)
    assert [row.label for row in data.rows("test")] == [0, 1]


def test_the_columns_are_those_of_the_section(load):
    rows = b"review,stars\na fine film,5\na dull film,1\nso so,10\n"
    data = load({"train.csv": rows}, text="review", label="stars")
    assert data.labels == ("1", "5", "10")
    assert [row.label for row in data.rows("train")] == [1, 0, 2]


def test_given_labels_decide_the_order(load):
    data = load({"train.csv": REVIEWS}, ("positive", "negative"))
    assert [row.label for row in data.rows("train")] == [0, 1, 0]


def test_a_label_that_only_the_test_rows_have_is_refused(load):
    error = refused(load, {"train.csv": REVIEWS, "test.csv": [("new", "mixed")]})
    assert (error.code, error.at) == ("DATA-LABEL", "test.csv:2")


@pytest.mark.parametrize(("slip", "hint"), [("Positive", "case"), ("positive ", "space")])
def test_a_slip_does_not_become_a_class_of_its_own(load, slip, hint):
    error = refused(load, {"train.csv": [*REVIEWS, ("odd", slip)]})
    assert (error.code, error.at) == ("DATA-LABEL", "train.csv:5")
    assert hint in error.problem


def test_words_that_others_read_as_missing_or_boolean_are_classes(load):
    data = load({"train.csv": [("one", "no"), ("two", "NA"), ("three", "None")]})
    assert data.labels == ("NA", "None", "no")


def test_holdout_comes_before_limits(load):
    data = load({"train.csv": MANY}, holdout=Holdout(validation=0.2), limit=Limits(train=10))
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 10,
        "validation": 12,
    }
    train, held = data.sources["train"], data.sources["validation"]
    assert (train.rows, held.rows, held.skipped) == (60, 12, 0)
    assert held.description == f"held out of {train.description}"
    assert {row.place.split(":")[0] for row in data.rows("validation")} == {"train.csv"}


def test_a_split_that_is_not_used_may_have_a_limit(load):
    files = {"train.csv": MANY, "validation.csv": MORE, "test.csv": [("new", "positive")] * 3}
    limit = Limits(train=10, test=2)
    assert {split: len(rows) for split, rows in load(files, limit=limit).splits.items()} == {
        "train": 10,
        "validation": 2,
        "test": 2,
    }
    used = load(files, limit=limit, splits=("train", "validation")).splits
    assert {split: len(rows) for split, rows in used.items()} == {"train": 10, "validation": 2}


def test_the_source_is_identified_by_the_file_and_the_rows_by_themselves(load, tmp_path):
    whole = load({"train.csv": MANY})
    assert (
        whole.sources["train"].digest == sha256((tmp_path / "train.csv").read_bytes()).hexdigest()
    )
    less = load({"train.csv": MANY}, limit=Limits(train=20))
    assert less.sources == whole.sources
    assert less.digest["train"] != whole.digest["train"]
    assert load({"train.jsonl": MANY}).digest == whole.digest


def test_one_class_is_refused(load):
    error = refused(load, {"train.csv": [("one", "positive"), ("two", "positive")]}, LABELS)
    assert (error.code, error.at) == ("DATA-CLASS", "train.csv:2")


def test_a_limit_that_leaves_one_class_is_refused(load):
    assert refused(load, {"train.csv": MANY}, limit=Limits(train=1)).code == "DATA-CLASS"


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_text_that_is_trained_on_and_scored_is_refused_unless_allowed(load, split):
    files = {
        "train.csv": REVIEWS,
        f"{split}.csv": [("new", "negative"), ("What a  JOY", "positive")],
    }
    error = refused(load, files)
    assert (error.code, error.at) == ("DATA-LEAK", f"{split}.csv:3")
    assert "train.csv:4" in error.problem
    (warning,) = load(files, leaks="warn").warnings
    assert f"1 of 2 {split} rows are also in the training rows" in warning


def test_a_smaller_limit_does_not_hide_a_leak(load):
    files = {"train.csv": MANY, "test.csv": [("text 59", "positive")]}
    assert refused(load, files, limit=Limits(train=2)).code == "DATA-LEAK"


def test_conflicting_labels_are_said_or_refused(load):
    files = {"train.csv": [*REVIEWS, ("A fine film", "negative")]}
    assert "train.csv:5 and train.csv:2" in load(files).warnings[-1]
    error = refused(load, files, conflicts="refuse")
    assert (error.code, error.at) == ("DATA-CONFLICT", "train.csv:5")


def test_all_rows_the_same_are_said_to_be(load):
    data = load({"train.csv": [("once more", label) for label in LABELS * 3]})
    assert "5 of 6 train rows repeat an earlier row's text" in data.warnings


def test_warnings_are_of_the_rows_that_are_used(load):
    rows = [*MANY, *MANY[:10]]
    assert load({"train.csv": rows}).warnings[0].startswith("10 of 70 train rows repeat")
    assert load({"train.csv": rows}, limit=Limits(train=2)).warnings == ()


def test_the_budget_of_bad_rows_is_of_all_files_together(load):
    files = {"train.csv": [*REVIEWS, ("", "positive")], "test.csv": [*MORE, (" ", "positive")]}
    data = load(files, max_bad_rows=2)
    assert [source.skipped for source in data.sources.values()] == [1, 1]
    error = refused(load, files, max_bad_rows=1)
    assert (error.at, "and 1 more" in error.problem) == ("train.csv:5", True)


def test_nothing_but_bad_rows_is_an_empty_file(load):
    error = refused(load, {"train.csv": [("", "positive")]}, LABELS, max_bad_rows=5)
    assert (error.code, error.at.split("/")[-1]) == ("DATA-EMPTY", "train.csv")


def test_a_missing_file_is_named(tmp_path):
    section = DataSection(train=str(tmp_path / "train.csv"))
    assert refused(load_dataset, section, "labelled").code == "DATA-FILE"


def test_one_more_file_is_read_with_the_run_s_labels_and_columns(write):
    path = write("more.csv", b"review,stars\none,5\ntwo,1\n")
    section = DataSection(train="unused.csv", text="review", label="stars")
    data = load_file(str(path), section, "labelled", ("1", "5"))
    assert [(row.id, row.label, row.place) for row in data.rows("file")] == [
        ("file/0", 1, "more.csv:2"),
        ("file/1", 0, "more.csv:3"),
    ]
    assert refused(load_file, str(path), section, "labelled", ("1", "2")).at == "more.csv:2"


def test_reading_one_s_own_text_files_loads_nothing_heavy(write):
    path = str(write("train.csv", REVIEWS))
    code = (
        "import sys; from loratory.data.load import load_dataset\n"
        "from loratory.recipe.schema import DataSection\n"
        f"load_dataset(DataSection(train={path!r}), 'labelled')\n"
        f"print(*sorted(set({HEAVY.split(', ')}) & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


FOXES = "Two foxes sleep under the old oak."


@pytest.fixture
def foxes(squad, question):
    """Return a function that makes a file of as many questions on a context in each article."""

    def foxes(articles, each=4, start=0):
        return squad(
            {
                f"Article {a}": [
                    (
                        f"{FOXES} {a}",
                        [
                            question(f"{a}-{n}", f"{FOXES} {a}", "foxes", asked=f"Question {n}?")
                            for n in range(start, start + each)
                        ],
                    )
                ]
                for a in articles
            }
        )

    return foxes


def test_questions_of_one_s_own_make_a_data_set_without_classes(load, foxes):
    data = load({"train.json": foxes("ab"), "test.json": foxes("c")}, reads="questions")
    assert data.labels == ()
    assert [row.id for row in data.rows("test")] == ["c-0", "c-1", "c-2", "c-3"]
    assert data.rows("train")[4].context == f"{FOXES} b"
    assert data.warnings == ()


def test_own_questions_may_be_unanswerable(load, squad, question):
    asked = question("q", FOXES, answers=[], is_impossible=True)
    data = load({"train.json": squad({"": [(FOXES, [asked])]})}, reads="questions")
    assert data.rows("train")[0].answers == ()


def test_an_article_of_questions_is_held_out_whole(load, foxes):
    data = load(
        {"train.json": foxes("abcdefgh")},
        reads="questions",
        holdout=Holdout(validation=0.25),
        limit=Limits(train=10),
    )
    held = {row.article for row in data.rows("validation")}
    assert (len(data.rows("validation")), len(held)) == (8, 2)
    assert not held & {row.article for row in data.rows("train")}
    assert len(data.rows("train")) == 10
    assert data.sources["validation"].rows == 8


def test_a_question_that_is_trained_on_and_scored_is_refused_unless_allowed(load, foxes):
    files = {"train.json": foxes("ab"), "validation.json": foxes("b", start=3)}
    error = refused(load, files, reads="questions")
    assert error.code == "DATA-LEAK"
    assert error.at == "validation.json, article 1, paragraph 1, question b-3"
    assert load(files, reads="questions", leaks="warn").warnings == (
        "1 of 4 validation rows are also in the training rows (first: validation.json, article 1, "
        "paragraph 1, question b-3 and train.json, article 2, paragraph 1, question b-3)",
        "1 of 1 validation contexts have training questions too",
    )


def test_other_questions_about_a_training_context_are_said(load, foxes):
    files = {"train.json": foxes("ab"), "test.json": foxes("bc", start=4)}
    (warning,) = load(files, reads="questions").warnings
    assert warning == "1 of 2 test contexts have training questions too"


def test_contradicting_questions_are_refused_where_asked(load, squad, question):
    asked = [
        question("q", FOXES, "foxes"),
        question("r", FOXES, answers=[], is_impossible=True),
    ]
    files = {"train.json": squad({"": [(FOXES, asked)]})}
    assert "answerable here" in load(files, reads="questions").warnings[1]
    error = refused(load, files, reads="questions", conflicts="refuse")
    assert (error.code, error.got) == ("DATA-CONFLICT", "unanswerable")


def test_the_budget_of_malformed_questions_is_of_all_files_together(load, foxes):
    spoiled = foxes("c").replace(b'"id": "c-1"', b'"id": ""')
    files = {"train.json": foxes("a").replace(b"a-1", b"a-0"), "test.json": spoiled}
    data = load(files, reads="questions", max_bad_rows=2)
    assert [source.skipped for source in data.sources.values()] == [1, 1]
    error = refused(load, files, reads="questions", max_bad_rows=1)
    assert (error.code, "and 1 more" in error.problem) == ("DATA-ID", True)


def test_one_more_file_is_of_the_run_s_kind_of_rows(write, foxes):
    section = DataSection(train="unused.json", text="said")
    asked = load_file(str(write("more.json", foxes("a"))), section, "questions", None)
    assert [row.id for row in asked.rows("file")] == ["a-0", "a-1", "a-2", "a-3"]
    texts = load_file(str(write("more.csv", b"said\none\n")), section, "texts", None)
    assert [(row.id, row.text) for row in texts.rows("file")] == [("file/0", "one")]


@pytest.mark.parametrize(
    ("reads", "name"), [("labelled", "a.json"), ("questions", "a.csv"), ("texts", "a.json")]
)
def test_a_file_of_another_kind_of_rows_is_refused(write, foxes, reads, name):
    error = refused(load_file, str(write(name, foxes("a"))), DataSection(train="x"), reads, LABELS)
    assert error.code == "DATA-FILE"
