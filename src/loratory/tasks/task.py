"""The task protocol: four verbs, and the heads that go with them."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import Encoding
from loratory.data.rows import Row
from loratory.losses import Loss
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network


class Scores(Protocol):
    """What every task's score has."""

    @property
    def metrics(self) -> dict[str, float]:
        """Each metric's value."""

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Each metric's 95 % interval."""


class Task(Protocol):
    """What a row means, what is predicted, how it is scored.

    `hidden` is the network's output for the batch, `[tokens, hidden]`.
    """

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the modules the task adds to the network; they train, and are saved in full."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that `score` returns; of each, more is better."""

    @property
    def main_metric(self) -> str:
        """The metric that decides the best checkpoint unless the recipe names another."""

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add the task's heads to the network."""

    def encode(self, rows: Sequence[Row]) -> Encoding:
        """Turn rows into tokens, places to read and targets."""

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the batch's loss as a sum and a count."""

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> list[list[float]]:
        """Return the scores of each row's candidates."""

    def prediction(self, row: Row, scores: Sequence[float]) -> Prediction:
        """Return the prediction line of `row`."""

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return the metrics of `predictions`, with their intervals."""
