"""Learning from a teacher: the probabilities that a task gives, and the loss made of them."""

import pytest
import torch
from torch.nn import functional as F

from loratory.batching.flat import flatten
from loratory.data.rows import Row
from loratory.models.load import load_base
from loratory.recipe.schema import ClassifyTask, DistillationSection, LabelWordsTask
from loratory.tasks.distilled import NO_LABEL, Distilled, with_teacher
from loratory.tasks.make import make_task

LABELS = ("negative", "positive", "mixed")
ROWS = [
    Row(str(n), text, n % 3, "here")
    for n, text in enumerate(["a lovely film", "dull", "far too long", "charming and moving"])
]
SAID = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.05, 0.9, 0.05]]).log()
SECTION = DistillationSection(teacher="x", temperature=3.0, alpha=0.25)
WORDS = {
    "one token": ("a", "b", "c"),
    "several tokens": ("dull", "very lovely", "so so so"),
}


@pytest.fixture(params=["classify", *WORDS])
def made(request, gpt2_folder):
    """Return a task, and a network in float64 that it reads."""
    words = request.param in WORDS
    base = load_base(str(gpt2_folder), dtype=torch.float64, language_head=words)
    section = ClassifyTask(labels=LABELS)
    if words:
        section = LabelWordsTask(labels=LABELS, words=WORDS[request.param])
    task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
    task.attach(base.network, torch.Generator())
    if not words:
        torch.nn.init.normal_(base.network.score.weight, generator=torch.manual_seed(0))
    return task, base.network


def log_probabilities(task, network, rows, *, shared=False):
    batch = flatten(rows, shared=shared)
    return task.class_log_probabilities(network, network(batch), batch)


@torch.no_grad()
def test_softened_by_nothing_they_are_what_the_task_predicts(made):
    task, network = made
    found = log_probabilities(task, network, task.taught(ROWS).rows)
    encoding = task.encode(ROWS)
    for row, asked, ours in zip(ROWS, encoding.asked, found, strict=True):
        batch = flatten(asked)
        line = task.prediction(row, task.predict(network, network(batch), batch).outputs)
        expected = torch.tensor([line.scores[label] for label in LABELS], dtype=torch.float64)
        torch.testing.assert_close(ours.double().softmax(-1), expected, rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_loss_is_teachers_and_labels_by_torch(made):
    task, network = made
    labels = [row.label for row in ROWS]
    labels[1] = NO_LABEL
    rows = with_teacher(task.taught(ROWS).rows, labels, SAID.tolist())
    batch = flatten(rows)
    found = Distilled(task, SECTION).loss(network, network(batch), batch)
    student = log_probabilities(task, network, task.taught(ROWS).rows).double()
    apart = F.kl_div(
        (student / 3).log_softmax(-1), (SAID.double() / 3).softmax(-1), reduction="sum"
    )
    labelled = [0, 2, 3]
    hard = -student[labelled, [labels[n] for n in labelled]].sum()
    torch.testing.assert_close(
        found.total.double(), 0.25 * 9 * apart + 0.75 * hard, rtol=1e-6, atol=1e-6
    )
    assert found.count == len(ROWS)


def test_without_a_teachers_weight_one_word_learns_as_it_does_by_itself(made):
    task, network = made
    rows = with_teacher(task.taught(ROWS).rows, [row.label for row in ROWS], SAID.tolist())
    batch = flatten(rows)
    section = SECTION.model_copy(update={"alpha": 0.0})
    found = Distilled(task, section).loss(network, network(batch), batch)
    plain = flatten(task.encode(ROWS).rows)
    torch.testing.assert_close(found.total, task.loss(network, network(plain), plain).total)


@torch.no_grad()
def test_a_row_alone_and_among_others_gives_the_same(made):
    task, network = made
    rows = with_teacher(task.taught(ROWS).rows, [0, 1, NO_LABEL, 2], SAID.tolist())
    distilled = Distilled(task, SECTION)

    def loss(part):
        batch = flatten(part, shared=network.shares)
        return distilled.loss(network, network(batch), batch).total

    torch.testing.assert_close(loss(rows), sum(loss([row]) for row in rows))
