"""A network with its method and head: made from a recipe, or read back from a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from loratory.batching.rows import Encoding
from loratory.data.rows import Row
from loratory.data.texts import checked_text
from loratory.errors import ModelError, RunError
from loratory.inference.predict import Answers, predict_rows
from loratory.methods.apply import apply_method, load_saved
from loratory.metrics.predictions import Prediction
from loratory.models.load import Base, load_base
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.recipe.streams import stream_seed
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.runs.published import open_published
from loratory.tasks.make import make_task
from loratory.tasks.task import Scores, Task
from loratory.train.compute import Compute, choose_compute


@dataclass(frozen=True)
class Evaluation:
    """What evaluating rows gave."""

    predictions: list[Prediction]
    scores: Scores
    loss: float
    tokens: int


@dataclass(frozen=True)
class Tuned:
    """A base with a method applied and a task's head attached."""

    recipe: Recipe
    base: Base
    task: Task
    compute: Compute

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names, in the order of their numbers."""
        return self.recipe.task.labels or ()

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Return a prediction for each of `texts`; ids count from 0.

        Raises:
            DataError: a text is empty, longer than the recipe lets it be, or one that no model
                can read.
        """
        if isinstance(texts, str):
            raise TypeError("predict takes a list of texts, not one text")
        if not texts:
            return []
        rows = [
            Row(str(n), checked_text(text, f"text {n + 1}"), 0, f"text {n + 1}")
            for n, text in enumerate(texts)
        ]
        predictions, _ = self._answer(rows, self.task.encode(rows), lambda _: None)
        return [replace(line, target=None) for line in predictions]

    def evaluate(
        self,
        rows: Sequence[Row],
        encoding: Encoding,
        watch: Callable[[int], None] = lambda _: None,
    ) -> Evaluation:
        """Predict labelled rows, encoded by the task, and score the predictions."""
        predictions, answers = self._answer(rows, encoding, watch)
        return Evaluation(predictions, self.task.score(predictions), answers.loss, answers.tokens)

    def _answer(
        self, rows: Sequence[Row], encoding: Encoding, watch: Callable[[int], None]
    ) -> tuple[list[Prediction], Answers]:
        answers = predict_rows(
            self.base.network,
            self.task,
            encoding.rows,
            tokens_at_once=self.compute.micro_batch_tokens,
            watch=watch,
        )
        pairs = zip(rows, answers.scores, strict=True)
        return [self.task.prediction(row, scores) for row, scores in pairs], answers


def untrained(recipe: Recipe, labels: tuple[str, ...]) -> Tuned:
    """Return what training starts from: base, method and head as the recipe's seed draws them."""
    base = load_base(recipe.base)
    compute = choose_compute(recipe.training, base.network.config.hidden_size)
    base.network.move(compute.device, compute.dtype)
    task = make_task(recipe.task, labels, tokenizer=base.tokenizer, positions=base.positions)
    generator = torch.Generator().manual_seed(stream_seed(recipe.seed, "initialisation"))
    apply_method(base.network, recipe.method, generator)
    task.attach(base.network, generator)
    return Tuned(_resolved(recipe, labels, base), base, task, compute)


def _resolved(recipe: Recipe, labels: tuple[str, ...], base: Base) -> Recipe:
    """Return the recipe with what was left to be found, and paths that hold from anywhere."""
    data = {
        key: str(Path(path).resolve())
        for key in ("dir", "train", "validation", "test")
        if (path := getattr(recipe.data, key)) is not None
    }
    return recipe.model_copy(
        update={
            "base": str(base.source.folder) if base.source.kind == "folder" else recipe.base,
            "task": recipe.task.model_copy(update={"labels": labels}),
            "data": recipe.data.model_copy(update=data),
        }
    )


def load_run(path: str | Path) -> Tuned:
    """Return the tuned network of a finished run.

    Raises:
        RunError: there is no such run, it has not finished, or its adapter is damaged.
        ModelError: the base is no longer the one that the run was trained on.
    """
    folder = RunFolder.open(Path(path))
    adapter = open_published(folder.adapter)
    if adapter is None:
        raise RunError(
            "RUN-UNFINISHED",
            "the run has no adapter yet",
            at=str(folder.path),
            fix=f"finish it with `loratory train --resume {folder.path}`",
        )
    made_of = read_json(folder.environment)
    # In the number format it was trained in, so that the same texts get the same answers.
    precision = {"training.precision": made_of["compute"]["precision"]}
    recipe = load_recipe(folder.recipe, precision)
    tuned = untrained(recipe, recipe.task.labels or ())
    _require_same_base(tuned.base, made_of["digests"]["base"])
    load_saved(tuned.base.network, recipe.method, adapter.path)
    tuned.base.network.eval()
    return tuned


def _require_same_base(base: Base, trained_on: str) -> None:
    if base.digest != trained_on:
        raise ModelError(
            "ADAPTER-BASE",
            "the base is not the one that the run was trained on",
            at=str(base.source.folder),
            got=base.digest,
            expected=trained_on,
            fix="put the base's files back as they were, or train again",
        )
