"""Classification: a linear head reads each text's last token, the one that has seen all others.

    p(class | text) = softmax(S h_last),  S: classes x hidden, without a bias, named `score` as in
    transformers' sequence classifiers.

A text has no padding here, so its last token is simply the last of its own; no token id is ever
looked for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding, one_each
from loratory.data.rows import Row
from loratory.losses import Loss, cross_entropy
from loratory.metrics.baselines import Baseline
from loratory.metrics.evaluate import ClassificationScores, evaluate_classification
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.recipe.schema import ClassifyTask
from loratory.tasks.classes import CLASS_METRICS, Tempered, class_baselines, class_prediction
from loratory.tasks.task import Predicted
from loratory.tasks.tokens import (
    beginning,
    longest,
    over_length,
    reserved_notes,
    token_ids,
    without_token,
)


class Classify(Tempered):
    """Put each text into one of `labels`."""

    heads = ("score",)
    main_metric = "accuracy"
    metrics = CLASS_METRICS
    writing = None

    def __init__(
        self,
        section: ClassifyTask,
        *,
        labels: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        positions: int,
    ) -> None:
        self.labels = tuple(labels)
        self.tokenizer = tokenizer
        self.too_long = section.too_long
        self.beginning = beginning(tokenizer, bos=section.bos)
        least = len(self.beginning) + 1
        self.max_length = longest(section.max_length, positions, least=least)

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add the head in float32, all zeros: before training every class is as likely.

        A random head would first have to be unlearned, which costs a short run accuracy.
        """
        del generator
        head = nn.Linear(network.config.hidden_size, len(self.labels), bias=False, device="meta")
        head = head.to_empty(device=network.device)
        nn.init.zeros_(head.weight)
        network.add_module("score", head)

    def encode(self, rows: Sequence[Row]) -> Encoding:
        """Tokenise the texts; a reserved token written in a text is read as plain text.

        Raises:
            DataError: a text without a token, or one above `max_length` that may not be cut.
        """
        truncated = 0
        encoded = []
        for row, tokens in zip(
            rows, token_ids(self.tokenizer, [row.text for row in rows]), strict=True
        ):
            if not tokens:
                raise without_token(row.place, row.text)
            whole = (*self.beginning, *tokens)
            if len(whole) > self.max_length:
                if self.too_long == "refuse":
                    raise over_length(row.place, len(whole), self.max_length)
                truncated += 1
            kept = whole[: self.max_length]
            encoded.append(EncodedRow((kept,), (len(kept) - 1,), (row.label,)))
        notes = reserved_notes(self.tokenizer, [(row.text, row.place) for row in rows])
        return one_each(encoded, truncated=truncated, notes=notes)

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of the labels, summed over the rows."""
        return cross_entropy(_logits(network, hidden, batch), batch.targets)

    def taught(self, rows: Sequence[Row]) -> Encoding:
        """Encode the texts: one place tells of all classes."""
        return self.encode(rows)

    def class_log_probabilities(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Tensor:
        """Return log p of each class, `[rows, classes]`."""
        return _logits(network, hidden, batch).log_softmax(-1)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Return each row's class probabilities, and the loss."""
        logits = _logits(network, hidden, batch)
        return Predicted(logits.softmax(-1).tolist(), cross_entropy(logits, batch.targets))

    def prediction(self, row: Row, outputs: Sequence[Sequence[float]]) -> Prediction:
        """Return the most probable class of `row`; of equals, the first."""
        (scores,) = outputs
        return self.decided(class_prediction(row, self.labels, scores))

    def score(self, predictions: Sequence[Prediction]) -> ClassificationScores:
        """Return accuracy and its companions."""
        return evaluate_classification(predictions, self.labels)

    def baselines(self, train: Sequence[Row], rows: Sequence[Row]) -> list[Baseline]:
        """Return the majority class's scores and those of TF-IDF with logistic regression."""
        return class_baselines(train, rows, self.labels)


def _logits(network: Network, hidden: Tensor, batch: FlatBatch) -> Tensor:
    """Return `[rows, classes]`, computed in the head's own precision."""
    head = network.get_submodule("score")
    read = hidden[batch.read_at].to(next(head.parameters()).dtype)
    logits: Tensor = head(read)
    return logits
