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
from loratory.batching.rows import EncodedRow, Encoding
from loratory.data.rows import Row
from loratory.errors import ConfigError, DataError
from loratory.losses import Loss, cross_entropy
from loratory.metrics.evaluate import ClassificationScores, evaluate_classification
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.recipe.schema import ClassifyTask


class Classify:
    """Put each text into one of `labels`."""

    heads = ("score",)
    main_metric = "accuracy"
    metrics = ("accuracy", "precision", "recall", "f1", "matthews_correlation")

    def __init__(
        self,
        section: ClassifyTask,
        *,
        labels: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        positions: int,
    ) -> None:
        if section.max_length is not None and section.max_length > positions:
            raise ConfigError(
                "CFG-RANGE",
                "the base cannot read texts this long",
                at="task.max_length",
                got=section.max_length,
                expected=f"at most {positions:,}, the base's positions",
                fix=f"set task.max_length to {positions} or less, or leave it out",
            )
        self.labels = tuple(labels)
        self.tokenizer = tokenizer
        self.max_length = section.max_length or positions
        self.too_long = section.too_long

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add the head, its weights drawn as transformers draws them, in float32."""
        head = nn.Linear(network.config.hidden_size, len(self.labels), bias=False, device="meta")
        head = head.to_empty(device="cpu")
        spread = float(getattr(network.config, "initializer_range", 0.02))
        nn.init.normal_(head.weight, std=spread, generator=generator)
        network.add_module("score", head.to(network.device))

    def encode(self, rows: Sequence[Row]) -> Encoding:
        """Tokenise the texts; a reserved token written in a text is read as plain text.

        Raises:
            DataError: a text without a token, or one above `max_length` that may not be cut.
        """
        texts = [row.text for row in rows]
        ids = self.tokenizer(texts, split_special_tokens=True, verbose=False)["input_ids"]
        truncated = 0
        encoded = []
        for row, tokens in zip(rows, ids, strict=True):
            if not tokens:
                raise _empty(row)
            if len(tokens) > self.max_length:
                if self.too_long == "refuse":
                    raise self._over_length(row, len(tokens))
                truncated += 1
            kept = tuple(tokens[: self.max_length])
            encoded.append(EncodedRow((kept,), (len(kept) - 1,), (row.label,)))
        return Encoding(tuple(encoded), truncated, self._notes(rows))

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of the labels, summed over the rows."""
        return cross_entropy(_logits(network, hidden, batch), batch.targets)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> list[list[float]]:
        """Return each row's class probabilities."""
        probabilities: list[list[float]] = _logits(network, hidden, batch).softmax(-1).tolist()
        return probabilities

    def prediction(self, row: Row, scores: Sequence[float]) -> Prediction:
        """Return the most probable class of `row`; of equals, the first."""
        best = max(range(len(scores)), key=scores.__getitem__)
        by_label = dict(zip(self.labels, scores, strict=True))
        return Prediction(row.id, row.text, self.labels[row.label], self.labels[best], by_label)

    def score(self, predictions: Sequence[Prediction]) -> ClassificationScores:
        """Return accuracy and its companions."""
        return evaluate_classification(predictions, self.labels)

    def _over_length(self, row: Row, tokens: int) -> DataError:
        return DataError(
            "DATA-TRUNC",
            "a text is longer than the base may read",
            at=row.place,
            got=f"{tokens:,} tokens",
            expected=f"at most {self.max_length:,}",
            fix="set task.too_long=truncate to cut and count such texts, or shorten them",
        )

    def _notes(self, rows: Sequence[Row]) -> tuple[str, ...]:
        reserved = [token for token in self.tokenizer.all_special_tokens if token.strip()]
        hit = [row for row in rows if any(token in row.text for token in reserved)]
        if not hit:
            return ()
        return (
            f"{len(hit)} texts contain a reserved token of the base and are read as plain text "
            f"(first: {hit[0].place})",
        )


def _logits(network: Network, hidden: Tensor, batch: FlatBatch) -> Tensor:
    """Return `[rows, classes]`, computed in the head's own precision."""
    head = network.get_submodule("score")
    read = hidden[batch.read_at].to(next(head.parameters()).dtype)
    logits: Tensor = head(read)
    return logits


def _empty(row: Row) -> DataError:
    return DataError(
        "DATA-TEXT",
        "the text has no token",
        at=row.place,
        got=row.text,
        expected="at least one token",
        fix="remove the row, or set data.max_bad_rows",
    )
