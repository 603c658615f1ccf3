"""Plain text: every token is predicted from those before it.

    nats per token = - Σ log p(token | tokens before) / tokens        perplexity = exp of that

A text is cut into pieces of `max_length` tokens, one after the other, none overlapping; each piece
begins anew, so that the first tokens of a piece have less to go by. Where nothing stands before a
piece, its first token is not predicted, and counts in none of the metrics.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding
from loratory.data.rows import TextRow
from loratory.losses import Loss, negative_log_p
from loratory.metrics.baselines import Baseline
from loratory.metrics.language import evaluate_language
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.recipe.schema import TextTask
from loratory.tasks.task import Predicted, Scores
from loratory.tasks.tokens import (
    beginning,
    longest,
    reserved_notes,
    token_ends,
    token_ids,
    without_token,
)

_PIECE = 512


class PlainText:
    """Predict every token of plain texts."""

    heads = ()
    main_metric = "perplexity"
    metrics = ("perplexity", "bits_per_byte", "nats_per_token")
    writing = None

    def __init__(
        self, section: TextTask, *, tokenizer: PreTrainedTokenizerBase, positions: int
    ) -> None:
        self.tokenizer = tokenizer
        self.beginning = beginning(tokenizer, bos=section.bos)
        end = tokenizer.eos_token_id if section.eos else None
        self.ending = () if end is None else (int(end),)
        self.max_length = longest(section.max_length, positions, least=2)
        if section.max_length is None:
            self.max_length = min(_PIECE, positions)

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add nothing: the vocabulary is all the head there is."""

    def encode(self, rows: Sequence[TextRow]) -> Encoding:
        """Cut the texts into pieces; asked is what is learned.

        Raises:
            DataError: a text of which no token can be predicted.
        """
        asked = []
        for row, tokens in zip(
            rows, token_ids(self.tokenizer, [row.text for row in rows]), strict=True
        ):
            pieces = self._pieces([*tokens, *self.ending]) if tokens else ()
            if not pieces:
                raise without_token(row.place, row.text)
            asked.append(pieces)
        notes = reserved_notes(self.tokenizer, [(row.text, row.place) for row in rows])
        learned = tuple(piece for pieces in asked for piece in pieces)
        learned_of = tuple(number for number, pieces in enumerate(asked) for _ in pieces)
        return Encoding(learned, tuple(asked), 0, notes, learned_of=learned_of)

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of all tokens, summed."""
        scores = network.token_scores(hidden[batch.read_at], batch.targets)
        return negative_log_p(*scores, batch.counts)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Return for each piece its nats and how many tokens they are of, and the loss."""
        scores = network.token_scores(hidden[batch.read_at], batch.targets)
        parts = (-scores.log_p).split(batch.counts)
        nats = [[float(part.double().sum()), float(len(part))] for part in parts]
        return Predicted(nats, negative_log_p(*scores, batch.counts))

    def prediction(self, row: TextRow, outputs: Sequence[Sequence[float]]) -> Prediction:
        """Return the text's nats, and the tokens and bytes that they are of."""
        nats, tokens = (math.fsum(part) for part in zip(*outputs, strict=True))
        scores = {"nats": nats, "tokens": tokens, "bytes": float(self._bytes(row.text))}
        return Prediction(row.id, row.text, None, "", scores)

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return perplexity, bits per byte and nats per token."""
        return evaluate_language(predictions)

    def baselines(self, train: Sequence[TextRow], rows: Sequence[TextRow]) -> list[Baseline]:
        """Return none: only the untuned base is worth comparing with."""
        del train, rows
        return []

    def _pieces(self, tokens: Sequence[int]) -> tuple[EncodedRow, ...]:
        room = self.max_length - len(self.beginning)
        pieces = []
        for start in range(0, len(tokens), room):
            piece = (*self.beginning, *tokens[start : start + room])
            if len(piece) > 1:
                pieces.append(EncodedRow((piece,), tuple(range(len(piece) - 1)), piece[1:]))
        return tuple(pieces)

    def _bytes(self, text: str) -> int:
        """Return how many bytes the predicted tokens of a text have."""
        size = len(text.encode())
        if self.beginning:
            return size
        # Of a character that is several tokens, the first of them has the bytes.
        ends = [0, *token_ends(self.tokenizer, text)]
        firsts = range(0, len(ends) - 1, self.max_length)
        return size - sum(len(text[ends[n] : ends[n + 1]].encode()) for n in firsts)
