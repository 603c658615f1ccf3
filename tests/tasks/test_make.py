"""From the recipe's task to the object that does it."""

import pytest
import torch

from loratory.models.load import load_base
from loratory.recipe.schema import ClassifyTask
from loratory.tasks.classify import Classify
from loratory.tasks.make import make_task


@pytest.fixture
def base(base_folder):
    return load_base(str(base_folder))


def test_classify_is_made_with_its_settings(base):
    section = ClassifyTask(max_length=7, too_long="truncate")
    task = make_task(section, ("no", "yes"), tokenizer=base.tokenizer, positions=base.positions)
    assert isinstance(task, Classify)
    assert (task.labels, task.max_length, task.too_long) == (("no", "yes"), 7, "truncate")


def test_every_head_a_task_names_is_attached_and_trains(base):
    labels = ("no", "yes")
    task = make_task(ClassifyTask(), labels, tokenizer=base.tokenizer, positions=base.positions)
    before = {name for name, _ in base.network.named_children()}
    task.attach(base.network, torch.Generator())
    added = {name for name, _ in base.network.named_children()} - before
    assert added == set(task.heads)
    heads = [base.network.get_submodule(name) for name in task.heads]
    assert all(parameter.requires_grad for head in heads for parameter in head.parameters())


def test_the_main_metric_is_one_of_the_metrics(base):
    labels = ("no", "yes")
    task = make_task(ClassifyTask(), labels, tokenizer=base.tokenizer, positions=base.positions)
    assert task.main_metric in task.metrics
