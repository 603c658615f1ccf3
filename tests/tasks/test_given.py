"""A recipe's rows, and what the recipe had left to them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratory.data.aside import KEPT_ASIDE
from loratory.data.texts import checked_text
from loratory.errors import ConfigError, DataError
from loratory.recipe.load import dump_recipe, load_recipe
from loratory.recipe.schema import Recipe, SolvedExample
from loratory.tasks.given import check_rows, given_rows, probe_rows


def recipe_of(task, **data):
    return Recipe.model_validate({"base": "none", "task": task, "data": data})


@pytest.fixture
def reviews(tmp_path):
    lines = [f"review {n},{'good' if n % 3 else 'bad'}" for n in range(12)]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return str(tmp_path / "train.csv")


@pytest.fixture
def questions(tmp_path):
    """Return a function that writes a file in SQuAD's format; every third may have no answer."""

    def questions(name, *, answerless, number=30):
        paragraphs = []
        for n in range(number):
            answers = [{"text": f"{name}{n}", "answer_start": 0}]
            nothing = answerless and n % 3 == 0
            asked = {"id": f"{name}{n}", "question": "Who?", "answers": [] if nothing else answers}
            asked |= {"is_impossible": nothing}
            paragraphs.append({"context": f"{name}{n} it was", "qas": [asked]})
        document = {"data": [{"title": name, "paragraphs": paragraphs}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        return str(tmp_path / f"{name}.json")

    return questions


@pytest.mark.parametrize("kind", ["classify", "label_words"])
def test_labels_are_those_found_in_the_rows(reviews, kind):
    recipe, dataset = given_rows(recipe_of({"kind": kind}, train=reviews))
    assert recipe.task.labels == dataset.labels == ("bad", "good")


def test_labels_of_the_recipe_keep_their_order(reviews):
    task = {"kind": "classify", "labels": ["good", "bad"]}
    recipe, dataset = given_rows(recipe_of(task, train=reviews))
    assert recipe.task.labels == dataset.labels == ("good", "bad")


def test_shots_are_always_the_same_rows(reviews):
    recipe = recipe_of({"kind": "label_words", "shots": 3}, train=reviews)
    found, _ = given_rows(recipe)
    shown = [(example.text, example.label) for example in found.task.examples]
    assert shown == [("review 0", "bad"), ("review 1", "good"), ("review 3", "bad")]
    assert given_rows(recipe)[0] == given_rows(found)[0] == found


@pytest.mark.parametrize("odd", ["\u2028", "\uffff"])
def test_what_is_found_in_the_rows_can_be_read_again(tmp_path, odd):
    lines = [json.dumps({"text": f".{n}e5", "label": f"a{odd}{n % 2}"}) for n in range(9)]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    recipe = recipe_of({"kind": "label_words", "shots": 4}, train=str(tmp_path / "train.jsonl"))
    found, _ = given_rows(recipe.model_copy(update={"name": "run"}))
    (tmp_path / "recipe.yaml").write_text(dump_recipe(found), "utf-8")
    assert load_recipe(tmp_path / "recipe.yaml") == found


def is_sound(text):
    try:
        return bool(checked_text(text, ""))
    except DataError:
        return False


almost_numbers = st.text("-+.0159eExo_:", min_size=1, max_size=6)
marks = st.text("a\n\r\t #\u2028\u2029\ufeff\ufffe\uffff\U0010ffff", min_size=1, max_size=6)
texts = (st.text(max_size=20) | almost_numbers | marks).filter(is_sound)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, min_size=2, max_size=2, unique_by=str.strip))
def test_a_recipe_with_any_labels_and_examples_can_be_read_again(tmp_path, found):
    recipe = load_recipe("rotten_tomatoes_words", {"name": "run"})
    examples = tuple(SolvedExample(text=text, label=found[0]) for text in found)
    task = recipe.task.model_copy(update={"labels": tuple(found), "examples": examples})
    recipe = recipe.model_copy(update={"task": task})
    (tmp_path / "recipe.yaml").write_text(dump_recipe(recipe), "utf-8")
    assert load_recipe(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        ({"kind": "classify"}, [(f"t{n}", f"c{n}") for n in range(5200)]),
        ({"kind": "label_words", "shots": 2}, [(f"{n} " * 30_000, f"c{n % 2}") for n in range(4)]),
    ],
)
def test_more_than_a_recipe_holds_is_refused_before_training(tmp_path, task, rows):
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    with pytest.raises(ConfigError) as caught:
        given_rows(recipe_of(task, train=str(tmp_path / "train.jsonl")))
    assert (caught.value.code, caught.value.at) == ("CFG-SIZE", "data.train")


def test_only_the_task_is_completed(reviews):
    recipe = recipe_of({"kind": "label_words", "shots": 3}, train=reviews)
    found, _ = given_rows(recipe)
    assert found.model_copy(update={"task": recipe.task}) == recipe


def test_questions_without_an_answer_are_refused_by_the_rules_that_have_none(questions):
    train = questions("a", answerless=False)
    data = {"train": train, "validation": questions("b", answerless=True)}
    with pytest.raises(DataError) as caught:
        given_rows(recipe_of({"kind": "span_qa"}, **data))
    error = caught.value
    assert (error.code, error.exit_code) == ("DATA-VERSION", 3)
    assert error.problem.startswith("10 of 30 questions have no answer")
    assert "task.unanswerable=true" in error.fix


@pytest.mark.parametrize(
    "task", [{"kind": "span_qa", "unanswerable": True}, {"kind": "written_qa"}]
)
def test_questions_without_an_answer_have_their_place_elsewhere(questions, task):
    recipe = recipe_of(task, train=questions("a", answerless=True))
    if task["kind"] == "span_qa":
        recipe = recipe.model_copy(
            update={"task": recipe.task.model_copy(update={"threshold_rows": 5})}
        )
    _, dataset = given_rows(recipe)
    assert any(not row.answers for row in dataset.rows("train"))
    check_rows(recipe, dataset)


def test_rows_for_the_threshold_are_none_that_are_trained_on_or_scored(questions):
    data = {
        "train": questions("a", answerless=True, number=60),
        "validation": questions("b", answerless=True),
    }
    task = {"kind": "span_qa", "unanswerable": True, "threshold_rows": 15}
    recipe, dataset = given_rows(recipe_of(task, **data))
    ids = {split: {row.context for row in rows} for split, rows in dataset.splits.items()}
    assert len(ids[KEPT_ASIDE]) == 15
    assert len(ids["train"]) == 45
    assert len(ids["train"] | ids[KEPT_ASIDE] | ids["validation"]) == 90
    assert given_rows(recipe)[1] == dataset


def test_without_a_threshold_no_row_is_kept_aside(questions):
    train = questions("a", answerless=False)
    for task in ({"kind": "span_qa"}, {"kind": "written_qa"}):
        _, dataset = given_rows(recipe_of(task, train=train))
        assert dataset.splits.keys() == {"train"}


def test_rows_that_are_shown_solved_are_not_trained_on(reviews):
    task = {"kind": "label_words", "shots": 3}
    recipe, dataset = given_rows(recipe_of(task, train=reviews))
    shown = {example.text for example in recipe.task.examples}
    assert len(shown) == 3
    assert len(dataset.rows("train")) == 9
    assert not shown & {row.text for row in dataset.rows("train")}
    again, same = given_rows(recipe)
    assert again.task.examples == recipe.task.examples
    assert same.digest == dataset.digest


def test_shots_of_which_every_other_row_is_a_copy_are_refused(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\nlovely,good\ndull,bad\nlovely,good\n")
    recipe = recipe_of({"kind": "label_words", "shots": 2}, train=str(tmp_path / "train.csv"))
    with pytest.raises(ConfigError) as caught:
        given_rows(recipe)
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", "task.shots")


def test_probes_are_questions_with_their_answers():
    probe = {"context": "the coach was proud", "question": "who?", "answer": "the coach"}
    recipe = recipe_of({"kind": "written_qa", "probes": (probe,)}, train="questions.json")
    (row,) = probe_rows(recipe)
    assert (row.question, row.context) == ("who?", "the coach was proud")
    assert [(answer.text, answer.start) for answer in row.answers] == [("the coach", 0)]
    assert probe_rows(recipe_of({"kind": "span_qa"}, train="questions.json")) == []
