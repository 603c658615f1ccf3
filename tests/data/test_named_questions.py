"""The named sets of questions: small files in SQuAD's form, and the real ones where they are."""

import pytest

from loratory.data.load import load_dataset
from loratory.data.named_questions import QUESTION_SETS
from loratory.errors import DataError
from loratory.recipe.schema import DataSection

CONTEXT = "Two foxes sleep under the old oak."
NONE = {"answers": [], "is_impossible": True}


@pytest.fixture
def named(tmp_path, write):
    """Return a function that puts files into a set's folder and loads the set."""

    def named(name, files, **settings):
        for file, content in files.items():
            write(f"{QUESTION_SETS[name].folder}/{file}", content)
        return load_dataset(DataSection(name=name, dir=str(tmp_path), **settings), "questions")

    return named


@pytest.fixture
def document(squad, question):
    """Return a function that makes a file of one question, whose id and context it names."""

    def document(name, **changes):
        context = f"{name} {CONTEXT}"
        return squad({name: [(context, [question(name, context, "Two foxes", **changes)])]})

    return document


def ids(dataset):
    return {split: [row.id for row in rows] for split, rows in dataset.splits.items()}


@pytest.mark.parametrize(("name", "version"), [("squad", "1.1"), ("squad_v2", "2.0")])
def test_files_are_found_by_the_split_s_name_or_the_authors(named, document, name, version):
    assert QUESTION_SETS[name].folder == f"squad_v{version}"
    ours = {f"{split}.json": document(split) for split in ("train", "validation", "test")}
    theirs = {f"{split}-v{version}.json": document(split) for split in ("train", "dev")}
    assert ids(named(name, theirs)) == {"train": ["train"], "validation": ["dev"]}
    every = {split: [split] for split in ("train", "validation", "test")}
    assert ids(named(name, ours)) == every, "and the split's own name comes first"


def test_the_splits_whose_files_are_there_are_read(named, document):
    assert ids(named("squad", {"validation.json": document("a")})) == {"validation": ["a"]}


def test_a_folder_without_the_set_is_named_in_full(named, tmp_path):
    with pytest.raises(DataError) as caught:
        named("squad", {"../notes.txt": b"x"})
    assert caught.value.code == "DATA-FILE"
    assert caught.value.at == str(tmp_path / "squad_v1.1" / "train.json")


def test_the_first_version_has_no_unanswerable_questions(named, document):
    files = {"train.json": document("a"), "validation.json": document("b", **NONE)}
    with pytest.raises(DataError, match="1 of 1 questions have no answer") as caught:
        named("squad", files)
    assert caught.value.code == "DATA-VERSION"
    assert caught.value.at == "validation.json, article 1, paragraph 1, question b"
    assert "squad_v2" in caught.value.fix
    files["train.json"] = document("c")
    dataset = named("squad_v2", files)
    assert [len(row.answers) for rows in dataset.splits.values() for row in rows] == [1, 0]


def test_a_limit_does_not_hide_an_unanswerable_question(named, squad, question):
    asked = [question(f"q{n}", CONTEXT, "oak", asked=f"{n}?") for n in range(20)]
    content = squad({"": [(CONTEXT, [*asked, question("none", CONTEXT, **NONE)])]})
    with pytest.raises(DataError, match=r"DATA-VERSION.*1 of 21 questions"):
        named("squad", {"train.json": content}, limit={"train": 1})


def test_spaces_around_an_answer_are_the_authors_own(named, load, document):
    answer = {"answers": [{"text": "foxes ", "answer_start": 6}]}
    assert named("squad", {"train.json": document("a", **answer)}).rows("train")
    with pytest.raises(DataError, match="begins or ends with a space"):
        load({"train.json": document("a", **answer)}, reads="questions")


def test_malformed_questions_are_counted_as_of_own_files(named, document):
    spoiled = document("b").replace(b'"id": "b", ', b"")
    files = {"train.json": document("a"), "test.json": spoiled}
    with pytest.raises(DataError, match="DATA-ID"):
        named("squad", files)
    with pytest.raises(DataError, match="DATA-EMPTY"):
        named("squad", files, max_bad_rows=1)


@pytest.mark.parametrize(
    ("name", "sizes", "articles", "unanswerable"),
    [("squad", (8547, 953), (34, 7), (0, 0)), ("squad_v2", (7700, 2006), (21, 7), (3776, 1067))],
)
def test_the_real_sets_load_with_the_defaults(shared_data, name, sizes, articles, unanswerable):
    dataset = load_dataset(DataSection(name=name, dir=str(shared_data)), "questions")
    found = [dataset.rows("train"), dataset.rows("validation")]
    assert tuple(map(len, found)) == sizes
    assert tuple(len({row.article for row in rows}) for rows in found) == articles
    assert tuple(sum(not row.answers for row in rows) for rows in found) == unanswerable
    assert sum(source.skipped for source in dataset.sources.values()) == 0
    assert not {row.article for row in found[0]} & {row.article for row in found[1]}
    assert not any("training" in warning for warning in dataset.warnings)
    for row in (row for rows in found for row in rows):
        for answer in row.answers:
            assert row.context[answer.start :].startswith(answer.text)
