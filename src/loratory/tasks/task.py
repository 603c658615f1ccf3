"""The task protocol: four verbs, and the heads that go with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import Encoding
from loratory.losses import Loss
from loratory.metrics.baselines import Baseline
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.recipe.schema import Decoding
from loratory.tasks.examples import Examples
from loratory.tasks.shown import Prompts

Output = Any
"""What the network says about one encoded row, in plain numbers; the task that made it reads it."""


class Scores(Protocol):
    """What every task's score has."""

    @property
    def metrics(self) -> dict[str, float]:
        """Each metric's value."""

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Each metric's 95 % interval."""


@dataclass(frozen=True)
class Writing:
    """How a task's answers are written, where they are."""

    decoding: Decoding
    ends: tuple[int, ...]
    """Tokens that end an answer."""


@dataclass(frozen=True)
class Written:
    """What was written after a prompt: the output of tasks that write."""

    tokens: tuple[int, ...]
    """Without the token that ended it."""

    log_probability: float
    """Summed over the tokens and the end."""

    cut: bool
    """No end came within the limit."""


class Objective(Protocol):
    """What training makes small."""

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the batch's loss as a sum and a count."""


class Predicted(NamedTuple):
    """What one look at a batch says; the vocabulary, where it is read, is read once for both."""

    outputs: Sequence[Output]
    """Of each encoded row."""

    loss: Loss | None
    """As the task's `loss`; None where what is asked is more than the right answers."""


class Task(Protocol):
    """What a row means, what is predicted, how it is scored. Rows are those of the data.

    `hidden` is the network's output for the batch, `[tokens, hidden]`.
    """

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the modules the task adds to the network; they train, and are saved in full."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that `score` returns."""

    @property
    def main_metric(self) -> str:
        """The metric that decides the best checkpoint unless the recipe names another."""

    @property
    def writing(self) -> Writing | None:
        """How answers are written; None where they are read off one pass by `predict`."""

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add the task's heads to the network."""

    def encode(self, rows: Sequence[Any]) -> Encoding:
        """Turn rows into tokens, places to read and targets."""

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the batch's loss as a sum and a count."""

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Return the output for each encoded row of the batch, and its loss."""

    def prediction(self, row: Any, outputs: Sequence[Output]) -> Prediction:
        """Return the prediction line of `row` from the outputs for all it was asked."""

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return the metrics of `predictions`, with their intervals."""

    def baselines(self, train: Sequence[Any], rows: Sequence[Any]) -> list[Baseline]:
        """Return the scores on `rows` of what costs next to nothing, learned from `train`."""


@runtime_checkable
class Referring(Protocol):
    """A task whose loss compares with what a reference says of the same rows."""

    @property
    def refers(self) -> bool:
        """Whether it does so with the loss it has."""

    def referred(self, encoding: Encoding, outputs: Sequence[Output]) -> Encoding:
        """Return the rows with what the reference said, `predict`'s outputs in their order."""

    def before_training(self, predictions: Sequence[Prediction]) -> Baseline:
        """Return how the reference does by itself, from the lines of a trained network."""


@runtime_checkable
class Teachable(Protocol):
    """A task that can learn from what a teacher says of each class."""

    def taught(self, rows: Sequence[Any]) -> Encoding:
        """Encode rows to learn from, one for each, with all that its classes are told from."""

    def class_log_probabilities(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Tensor:
        """Return log p of each class for each row that `taught` encoded, `[rows, classes]`."""


@runtime_checkable
class Showing(Protocol):
    """A task whose prompts can begin with solved rows."""

    prompts: Prompts

    def showing(self, examples: Examples) -> Self:
        """Return the task with these before its prompts."""


@runtime_checkable
class Settling(Protocol):
    """A task with something left to choose after training, on rows that are not trained on."""

    @property
    def settles_on(self) -> str:
        """The split of these rows; without it nothing is chosen."""

    def settle(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return what is chosen, by name."""

    def settled(self, values: Mapping[str, float]) -> Self:
        """Return the task with it."""

    def decided(self, prediction: Prediction) -> Prediction:
        """Return a kept line with the answer that the choice makes of its scores."""
