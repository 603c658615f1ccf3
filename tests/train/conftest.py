"""What training starts from, made small: a network with its method and head, and encoded rows."""

import copy
import random
from functools import cache
from typing import NamedTuple

import pytest
import torch

from loratory.batching.rows import EncodedRow
from loratory.data.rows import Row
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.models.network import Network
from loratory.recipe.schema import ClassifyTask, LoraMethod, TrainingSection
from loratory.runs.folder import RunFolder
from loratory.tasks.make import make_task
from loratory.tasks.task import Task
from loratory.train.fit import Fit, Validation
from loratory.train.loop import Plan


class Trainee(NamedTuple):
    network: Network
    task: Task
    rows: tuple[EncodedRow, ...]

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """Return copies of what trains."""
        return {name: p.detach().clone() for name, p in trained_parameters(self.network).items()}


def trainee_of(folder, *, rows: int = 14, lora_dropout: float = 0.0) -> Trainee:
    """Return a network in which every trained tensor has a gradient, the same at each call."""
    return copy.deepcopy(_trainee(folder, rows, lora_dropout))


@cache
def _trainee(folder, rows: int, lora_dropout: float) -> Trainee:
    base = load_base(str(folder))
    generator = torch.Generator().manual_seed(0)
    make_method(LoraMethod(r=2, lora_dropout=lora_dropout)).apply(base, generator)
    section = ClassifyTask(labels=("no", "yes"))
    task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
    task.attach(base.network, generator)
    for parameter in trained_parameters(base.network).values():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    rng = random.Random(0)
    # They begin differently: what a shared beginning costs is not these tests' matter.
    texts = [f"{number}{' word' * rng.randint(1, 9)} {number}" for number in range(rows)]
    data = [Row(str(n), text, n % 2, f"rows:{n}") for n, text in enumerate(texts)]
    return Trainee(base.network, task, task.encode(data).rows)


@pytest.fixture
def make_trainee(base_folder):
    """Return `trainee_of` for each of the two layouts in turn."""
    return lambda **options: trainee_of(base_folder, **options)


@pytest.fixture
def trainee(make_trainee):
    return make_trainee()


@pytest.fixture
def make_gpt2_trainee(gpt2_folder):
    """Return `trainee_of` for GPT-2 alone, where the layout makes no difference."""
    return lambda **options: trainee_of(options.pop("folder", gpt2_folder), **options)


class Events(list):
    """Every event that was told: its name and its values."""

    def __call__(self, event, /, **values):
        self.append((event, values))

    def of(self, event, key="step"):
        return [values[key] for name, values in self if name == event]


class Fitting(NamedTuple):
    fit: Fit
    events: Events
    folder: RunFolder


@pytest.fixture
def make_fit(tmp_path):
    """Return a function that makes a fit of 4 steps an epoch in `tmp_path/NAME`."""

    def make(trainee, evaluate=None, *, name="run", stop=lambda: False, metric="accuracy", **given):
        path = tmp_path / name
        folder = RunFolder(path)
        path.mkdir(exist_ok=True)
        tokens = given.pop("tokens", 10**6)
        settings = {"epochs": 3, "batch_size": 4, "learning_rate": 0.02, **given}
        plan = Plan(trainee.rows, TrainingSection(**settings), 5, tokens)
        events, validation = Events(), evaluate and Validation(metric, evaluate)
        fit = Fit(trainee.network, trainee.task, plan, folder, events, validation, stop)
        return Fitting(fit, events, folder)

    return make
