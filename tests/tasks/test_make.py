"""From the recipe's task to the object that does it; what every task must hold to."""

import pytest
import torch

from loratory.data.rows import Answer, Dataset, QuestionRow, Row, TextRow
from loratory.errors import ConfigError
from loratory.inference.predict import answer_rows
from loratory.models.load import load_base
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    SpanQATask,
    TextTask,
    WrittenQATask,
)
from loratory.tasks.classify import Classify
from loratory.tasks.label_words import LabelWords
from loratory.tasks.make import completed, make_task, reads_vocabulary
from loratory.tasks.span_qa import SpanQA
from loratory.tasks.text import PlainText
from loratory.tasks.written_qa import WrittenQA

LABELS = ("no", "yes")
QUESTION = QuestionRow("q", "Who?", "Ann", (Answer("Ann", 0),), "x")
NOBODY = QuestionRow("r", "Why?", "Ann", (), "x")
ROWS = {
    "labelled": tuple(Row(f"train/{n}", f"t{n}", n % 3 % 2, f"x:{n}") for n in range(6)),
    "questions": (QUESTION, NOBODY),
    "texts": (TextRow("train/0", "so it is", "x:1"),),
}
SECTIONS = [
    (ClassifyTask(labels=LABELS), Classify),
    (LabelWordsTask(labels=LABELS, template="{text}:"), LabelWords),
    (SpanQATask(stride=4, unanswerable=True), SpanQA),
    (WrittenQATask(decoding={"max_new_tokens": 4}), WrittenQA),
    (TextTask(), PlainText),
]


def made(section, base):
    return make_task(section, tokenizer=base.tokenizer, positions=base.positions)


@pytest.fixture(params=SECTIONS, ids=lambda pair: pair[0].kind)
def section(request):
    return request.param[0]


@pytest.fixture
def base(base_folder, section):
    return load_base(str(base_folder), language_head=reads_vocabulary(section))


@pytest.mark.parametrize(("section", "kind"), SECTIONS)
def test_each_section_makes_its_own_task(section, kind, base):
    assert type(made(section, base)) is kind


def test_a_task_has_its_sections_settings(gpt2_folder):
    base = load_base(str(gpt2_folder))
    task = made(ClassifyTask(labels=LABELS, max_length=7, too_long="truncate"), base)
    assert (task.labels, task.max_length, task.too_long) == (LABELS, 7, "truncate")


def test_every_head_a_task_names_is_attached_and_trains(section, base):
    task = made(section, base)
    before = {name for name, _ in base.network.named_children()}
    task.attach(base.network, torch.Generator())
    added = {name for name, _ in base.network.named_children()} - before
    assert added == set(task.heads)
    heads = [base.network.get_submodule(name) for name in task.heads]
    assert all(parameter.requires_grad for head in heads for parameter in head.parameters())


def test_a_task_goes_from_rows_to_scores(section, base):
    task, rows = made(section, base), ROWS[section.reads]
    task.attach(base.network, torch.Generator())
    encoding = task.encode(rows)
    assert len(encoding.asked) == len(rows)
    answers = answer_rows(base.network, task, encoding, tokens_at_once=100)
    lines = [task.prediction(*pair) for pair in zip(rows, answers.outputs, strict=True)]
    assert [line.id for line in lines] == [row.id for row in rows]
    scores = task.score(lines)
    assert scores.metrics.keys() == set(task.metrics) == scores.intervals.keys()
    assert task.main_metric in task.metrics


def test_a_task_without_a_head_reads_the_vocabulary(section, base):
    assert reads_vocabulary(section) == (not made(section, base).heads)


def dataset(labels=LABELS):
    return Dataset(labels, {"train": ROWS["labelled"]}, {})


def test_a_section_gets_the_datas_labels():
    for section in (ClassifyTask(), LabelWordsTask()):
        assert completed(section, dataset(("a", "b"))).labels == ("a", "b")


def test_shots_are_drawn_class_by_class_out_of_the_training_rows():
    found = completed(LabelWordsTask(shots=5), dataset())
    shown = [(example.text, example.label) for example in found.examples]
    assert shown == [("t0", "no"), ("t1", "yes"), ("t2", "no"), ("t4", "yes"), ("t3", "no")]
    assert completed(LabelWordsTask(shots=5), dataset()) == found
    assert completed(LabelWordsTask(shots=2), dataset()).examples == found.examples[:2]
    assert completed(found, dataset()) == found


@pytest.mark.parametrize("shots", [6, 99, 10**9])
def test_shots_leave_a_row_to_train_on(shots):
    with pytest.raises(ConfigError, match=r"fewer than 6") as caught:
        completed(LabelWordsTask(shots=shots), dataset())
    assert (caught.value.code, caught.value.at) == ("CFG-RANGE", "task.shots")


def test_examples_of_ones_own_stay_and_without_shots_there_are_none():
    own = [{"text": "mine", "label": "yes"}]
    found = completed(LabelWordsTask(shots=2, examples=own), dataset()).examples
    assert [(example.text, example.label) for example in found] == [("mine", "yes")]
    assert completed(LabelWordsTask(), dataset()).examples == ()


def test_other_sections_are_complete():
    for section in (SpanQATask(), WrittenQATask(), TextTask()):
        assert completed(section, Dataset((), {"train": ()}, {})) == section
