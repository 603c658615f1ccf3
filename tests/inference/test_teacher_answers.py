"""A teacher's answers: of each row, in order, and asked no more often than must be."""

from dataclasses import replace

import pytest
import torch

from loratory.data.rows import Row
from loratory.inference import teacher_answers
from loratory.inference.teacher import Teacher, open_teacher
from loratory.inference.teacher_answers import answers_digest, ask
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import ClassifyTask
from loratory.train.compute import Compute

CPU = Compute(torch.device("cpu"), "float32", 1, 64)
WORDS = ["lovely", "dull", "quiet", "thin", "cold", "warm", "odd", "fine", "slow", "bright"]


@pytest.fixture
def teacher(film_recipe, film_run, tmp_path, monkeypatch):
    """Return a teacher that nothing is known of; it is asked four rows at once."""
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(teacher_answers, "_BLOCK", 4)
    task = ClassifyTask(labels=("negative", "positive"))
    recipe = load_recipe(film_recipe).model_copy(update={"task": task})
    return open_teacher(str(film_run), recipe)


@pytest.fixture
def heard(monkeypatch):
    """Return the texts that a teacher is asked about, one list for each time."""
    found, answered = [], Teacher.log_probabilities

    def listening(teacher, rows, compute):
        found.append([row.text for row in rows])
        if rows[0].text == "stop here":
            raise KeyboardInterrupt
        return answered(teacher, rows, compute)

    monkeypatch.setattr(Teacher, "log_probabilities", listening)
    return found


def rows_of(words):
    return [Row(f"train/{number}", word, 0, "here") for number, word in enumerate(words)]


def answers(teacher, rows):
    return torch.cat([*ask(teacher, rows, CPU)])


def test_answers_in_blocks_are_those_to_all_rows_at_once(teacher):
    rows = rows_of(WORDS)
    torch.testing.assert_close(answers(teacher, rows), teacher.log_probabilities(rows, CPU))


def test_a_teacher_is_loaded_once_for_all_blocks_and_not_for_known_ones(teacher):
    loads = []

    def load(compute):
        loads.append(compute)
        return teacher.load(compute)

    watched = replace(teacher, load=load)
    said = answers(watched, rows_of(WORDS))
    assert len(loads) == 1
    assert torch.equal(answers(watched, rows_of(WORDS)), said)
    assert len(loads) == 1


def test_what_was_answered_before_a_kill_is_not_asked_again(teacher, heard):
    with pytest.raises(KeyboardInterrupt):
        answers(teacher, rows_of([*WORDS[:4], "stop here"]))
    assert heard == [WORDS[:4], ["stop here"]]
    heard.clear()
    answers(teacher, rows_of(WORDS))
    assert heard == [WORDS[4:8], WORDS[8:]]


def test_further_texts_are_asked_alone(teacher, heard):
    first = answers(teacher, rows_of(WORDS[:8]))
    heard.clear()
    both = answers(teacher, rows_of(WORDS))
    assert heard == [WORDS[8:]]
    assert torch.equal(both[:8], first)


def test_answers_are_those_of_one_teacher_one_order_of_classes_and_one_text(teacher):
    rows = rows_of(WORDS)
    others = [
        answers_digest(replace(teacher, digest="another"), rows),
        answers_digest(replace(teacher, labels=("positive", "negative")), rows),
        answers_digest(teacher, rows_of([*WORDS[:-1], "dim"])),
        answers_digest(teacher, rows[:-1]),
    ]
    assert len({answers_digest(teacher, rows), *others}) == 5
