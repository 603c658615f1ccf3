"""A network with its method and head: made from a recipe, or read back from a run."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch

from loratory.batching.rows import Encoding, total_tokens
from loratory.data.rows import AnyRow
from loratory.errors import ModelError, RunError
from loratory.inference.asked import Item, asked_rows
from loratory.inference.folded import fold_for_good, folded
from loratory.inference.predict import Answers, answer_rows, require_finite
from loratory.inference.shown import read_shown, unread_notes
from loratory.methods.elsewhere import has_effect, settled
from loratory.methods.make import make_method
from loratory.methods.method import Method
from loratory.methods.rounded import RoundedParts, round_layers
from loratory.metrics.predictions import Prediction
from loratory.models.int8_network import to_int8
from loratory.models.load import Base, LoadBase, load_base
from loratory.models.make import make_base
from loratory.recipe.lasting import lasting
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import (
    MethodSection,
    PeftMethod,
    Recipe,
    RecurrentBase,
    TrainingSection,
    trains_the_base,
)
from loratory.recipe.streams import stream_seed
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.runs.published import Published, open_published, publish_folder
from loratory.tasks.make import make_task, reads_vocabulary, shown_before
from loratory.tasks.task import Scores, Settling, Task
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
    method: Method
    task: Task
    compute: Compute
    notes: tuple[str, ...] = ()
    """What should be said about the weights it starts from."""

    rounded: RoundedParts | None = None
    """What of it is rounded to whole numbers and what is not, where the recipe says so."""

    def showing(self, rows: Sequence[AnyRow]) -> Self:
        """Return it with some of these solved rows before its prompts, as its method chooses."""
        return replace(self, task=shown_before(self.task, self.recipe.method, rows))

    def predict(self, items: Sequence[Item]) -> list[Prediction]:
        """Return a prediction for each text, or question with its context; ids count from 0.

        Raises:
            DataError: a text is empty, longer than the recipe lets it be, or one that no model
                can read.
        """
        if isinstance(items, str):
            raise TypeError("predict takes a list of texts, not one text")
        return self.predict_rows(asked_rows(items, self.recipe.task.reads))

    def predict_rows(self, rows: Sequence[AnyRow]) -> list[Prediction]:
        """Return a prediction for each of the rows, whose right answers nobody knows."""
        return [replace(line, target=None) for line in self.answer(rows)]

    def answer(self, rows: Sequence[AnyRow]) -> list[Prediction]:
        """Return a prediction for each of the rows, beside its right answers.

        Raises:
            NumericsError: what the network says of a row is not finite.
        """
        if not rows:
            return []
        encoding = self.task.encode(rows)
        with folded(self.base.network, tokens=total_tokens(encoding.rows)):
            predictions, _ = self._answer(rows, encoding, lambda _: None)
        return predictions

    def evaluate(
        self,
        rows: Sequence[AnyRow],
        encoding: Encoding,
        watch: Callable[[int], None] = lambda _: None,
    ) -> Evaluation:
        """Predict labelled rows, encoded by the task, and score the predictions.

        Raises:
            NumericsError: as `answer`.
        """
        predictions, answers = self._answer(rows, encoding, watch)
        return Evaluation(predictions, self.task.score(predictions), answers.loss, answers.tokens)

    def answers(self, encoding: Encoding, watch: Callable[[int], None] = lambda _: None) -> Answers:
        """Return what the network says about encoded rows, in numbers that the task reads."""
        return answer_rows(
            self.base.network,
            self.task,
            encoding,
            tokens_at_once=self.compute.tokens_at_once,
            threads=self.compute.threads if self.compute.device.type == "cpu" else 1,
            watch=watch,
        )

    def _answer(
        self, rows: Sequence[AnyRow], encoding: Encoding, watch: Callable[[int], None]
    ) -> tuple[list[Prediction], Answers]:
        answers = self.answers(encoding, watch)
        pairs = zip(rows, answers.outputs, strict=True)
        predictions = [self.task.prediction(row, outputs) for row, outputs in pairs]
        require_finite(predictions)
        return predictions, answers


def untrained(recipe: Recipe, *, load: LoadBase = load_base) -> Tuned:
    """Return what training starts from: base, method and head as the recipe's seed draws them.

    The recipe's task section is complete: it names its labels, where it has any.
    """
    section = settled(recipe.method)
    words = reads_vocabulary(recipe.task)
    base = make_base(recipe.base, seed=recipe.seed, language_head=words, load=load)
    compute = choose_compute(_training(recipe, section), base.network.config.hidden_size)
    base.network.move(compute.device, compute.dtype)
    if compute.precision == "int8":
        to_int8(base.network)
    method = make_method(section)
    generator = torch.Generator().manual_seed(stream_seed(recipe.seed, "initialisation"))
    method.apply(base, generator)
    task = make_task(recipe.task, tokenizer=base.tokenizer, positions=base.positions)
    task.attach(base.network, generator)
    notes = unread_notes(recipe)
    if isinstance(recipe.method, PeftMethod):
        method.load(base, Path(recipe.method.folder))
        if not has_effect(base.network):
            notes = (f"the adapter in {recipe.method.folder} changes nothing",)
    wished = recipe.quantization
    rounded = None if wished is None else round_layers(base.network, wished)
    return Tuned(lasting(recipe), base, method, task, compute, notes, rounded)


def _training(recipe: Recipe, method: MethodSection) -> TrainingSection:
    """Return the training section, in float32 where weights of the base train or are rounded."""
    if trains_the_base(method) or recipe.quantization is not None:
        return recipe.training.model_copy(update={"precision": "float32"})
    return recipe.training


def keep_adapter(tuned: Tuned, folder: RunFolder) -> None:
    """Write what was trained into the run's adapter folder.

    What was chosen after training goes along, for whoever takes that folder alone.
    """

    def fill(target: Path) -> None:
        tuned.method.save(tuned.base, target, heads=tuned.task.heads)
        if folder.settled.is_file():
            shutil.copyfile(folder.settled, target / folder.settled.name)

    publish_folder(folder.adapter, fill, info={})


def trained_adapter(folder: RunFolder) -> Published:
    """Return the adapter of a finished run.

    Raises:
        RunError: the run has not finished (RUN-UNFINISHED), the adapter is damaged, or the folder
            is what a run was exported to (RUN-FOLDER).
    """
    adapter = open_published(folder.adapter)
    if adapter is not None:
        return adapter
    if folder.exported.is_file():
        raise RunError(
            "RUN-FOLDER",
            "the folder is what a run was exported to, and not the run",
            at=str(folder.path),
            fix="name the run itself, which certificate.json in the folder calls `reference`",
        )
    raise RunError(
        "RUN-UNFINISHED",
        "the run has no adapter yet",
        at=str(folder.path),
        fix=f"finish it with `loratory train --resume {folder.path}`",
    )


def load_run(path: str | Path, *, overrides: Mapping[str, Any] | None = None) -> Tuned:
    """Return the tuned network of a finished run, as it was trained but for `overrides`.

    Raises:
        RunError: there is no such run, it has not finished, its adapter is damaged, or the folder
            is what a run was exported to.
        ModelError: the base is no longer the one that the run was trained on.
    """
    folder = RunFolder.open(Path(path))
    adapter = trained_adapter(folder)
    made_of = read_json(folder.environment)
    # In the number format it was trained in, so that the same texts get the same answers.
    precision = {"training.precision": made_of["compute"]["precision"]}
    recipe = trained_recipe(folder, adapter, {**precision, **(overrides or {})})
    # Of a run trained otherwise, what is made int8 is the weight with what was learned in it.
    afterwards = recipe.training.precision == "int8" != precision["training.precision"]
    tuned = untrained(_in_float32(recipe) if afterwards else recipe)
    if recipe.base != str(adapter.path):
        _require_same_base(tuned.base, made_of["digests"]["base"])
    tuned.method.load(tuned.base, adapter.path)
    tuned.base.network.eval()
    if afterwards:
        tuned = replace(tuned, compute=_made_int8(tuned, recipe.training))
    return as_settled(tuned, folder)


def as_settled(tuned: Tuned, folder: RunFolder) -> Tuned:
    """Return it with what its folder says was chosen after training and stands before prompts."""
    tuned = tuned.showing(read_shown(folder.shown, tuned.recipe.task.reads))
    if isinstance(tuned.task, Settling) and folder.settled.is_file():
        return replace(tuned, task=tuned.task.settled(read_json(folder.settled)))
    return tuned


def trained_recipe(
    folder: RunFolder, adapter: Published, overrides: Mapping[str, Any] | None = None
) -> Recipe:
    """Return a finished run's recipe, which reads from its adapter's folder what that holds."""
    recipe = load_recipe(folder.recipe, overrides or {})
    # What it started from may be gone; its own adapter is of the same method.
    method = in_folder(recipe.method, adapter.path)
    # A network that began untrained is in its adapter's folder, whole.
    is_whole = isinstance(recipe.base, RecurrentBase)
    base = str(adapter.path) if is_whole else recipe.base
    return recipe.model_copy(update={"method": method, "base": base})


def _in_float32(recipe: Recipe) -> Recipe:
    training = recipe.training.model_copy(update={"precision": "float32"})
    return recipe.model_copy(update={"training": training})


def _made_int8(tuned: Tuned, training: TrainingSection) -> Compute:
    """Make the network's layers int8, with the adapter in them where that can be."""
    network = tuned.base.network
    compute = choose_compute(training, network.config.hidden_size)
    fold_for_good(network)
    to_int8(network)
    return compute


def in_folder(method: MethodSection, folder: Path) -> MethodSection:
    """Return the section with its adapter, where it names one, in `folder`."""
    if not isinstance(method, PeftMethod):
        return method
    return PeftMethod(folder=str(folder.resolve()))


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
