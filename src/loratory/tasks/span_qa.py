"""Extractive answers: every token of the context is scored as the answer's start and as its end.

    (start, end) = argmax over start <= end < start + limit of  s(start) + e(end)

    P(no answer) = softmax over the n best spans and "none", none's score being s + e at the
                   position after the context, in the window where it is lowest

The head is `qa_outputs`, as in transformers' question answering classes: 2 x hidden, with a bias.
Rajpurkar et al. 2016, arXiv:1606.05250; 2018, arXiv:1806.03822.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding
from loratory.data.aside import KEPT_ASIDE
from loratory.data.rows import QuestionRow
from loratory.losses import Loss, row_losses
from loratory.metrics.baselines import Baseline, question_baselines
from loratory.metrics.no_answer import EVEN, against_best, answer_or_none, careful_threshold
from loratory.metrics.predictions import Prediction
from loratory.metrics.questions import evaluate_questions, right_answers
from loratory.metrics.squad import Version
from loratory.models.network import Network
from loratory.recipe.schema import SpanQATask
from loratory.tasks.questions import as_questions, right_texts
from loratory.tasks.task import Predicted, Scores
from loratory.tasks.tokens import beginning, longest, reserved_notes, token_ids
from loratory.tasks.windows import END, START, Window, Windows, bare

NO_ANSWER = ""
_THRESHOLD = "no_answer_threshold"


@dataclass(frozen=True)
class WindowSpans:
    """The best spans of one window, and the score for none."""

    spans: tuple[tuple[float, int, int], ...]
    """Score, first and last position, the best first."""

    none: float | None


class SpanQA:
    """Answer a question with a span of its context."""

    heads = ("qa_outputs",)
    main_metric = "f1"
    writing = None
    settles_on = KEPT_ASIDE

    def __init__(
        self, section: SpanQATask, *, tokenizer: PreTrainedTokenizerBase, positions: int
    ) -> None:
        self.section = section
        self.tokenizer = tokenizer
        self.unanswerable = section.unanswerable
        self.version: Version = "2.0" if section.unanswerable else "1.1"
        self.threshold: float | None = None
        self.windows = Windows(
            tokenizer,
            beginning(tokenizer, bos=section.bos),
            longest(min(section.max_length, positions), positions),
            section.stride,
            _none_token(tokenizer) if section.unanswerable else None,
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that `score` returns."""
        parts = ("has_answer_exact_match", "has_answer_f1", "no_answer_accuracy")
        return ("exact_match", "f1", *(parts if self.unanswerable else ()))

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add the head in float32, all zeros: before training every span is as likely."""
        del generator
        head = nn.Linear(network.config.hidden_size, 2, device="meta")
        head = head.to_empty(device=network.device)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        network.add_module("qa_outputs", head)

    def encode(self, rows: Sequence[QuestionRow]) -> Encoding:
        """Cut the rows into windows; learned from are those that hold an answer, or say "none".

        A question whose answer stands in no window teaches nothing, not even "none".

        Raises:
            DataError: a question leaves no room for its context (DATA-TRUNC).
        """
        learned, learned_of, asked, lost, long = [], [], [], 0, 0
        for row, windows in zip(rows, self.windows.of(rows), strict=True):
            encoded = _encoded(row, windows)
            asked.append(encoded)
            held = [piece for piece in encoded if any(piece.targets)]
            learned += held
            learned_of += [len(asked) - 1] * len(held)
            lost += bool(row.answers) and not held
            long += any(_length(piece) > self.section.max_answer_tokens for piece in held)
        notes = list(
            reserved_notes(
                self.tokenizer, [(f"{row.question}\n{row.context}", row.place) for row in rows]
            )
        )
        if lost:
            notes.append(
                f"questions whose answer is whole in no window, which teach nothing: {lost}"
            )
        if long:
            notes.append(
                f"answers longer than task.max_answer_tokens, which cannot be given whole: {long}"
            )
        return Encoding(tuple(learned), tuple(asked), 0, tuple(notes), learned_of=tuple(learned_of))

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the mean of the start's and the end's cross-entropy, summed over the windows."""
        return _loss(_scores(network, hidden, batch), batch)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Return the best spans of each window, and its score for no answer; the loss."""
        scores, found = _scores(network, hidden, batch), []
        for start, end in scores:
            none = None
            if self.unanswerable:
                none = float(start[-1] + end[-1])
                start, end = start[:-1], end[:-1]  # noqa: PLW2901 - the context's alone
            spans = best_spans(
                start, end, longest=self.section.max_answer_tokens, most=self.section.n_best
            )
            found.append(WindowSpans(tuple(spans), none))
        return Predicted(found, _loss(scores, batch))

    def prediction(self, row: QuestionRow, outputs: Sequence[WindowSpans]) -> Prediction:
        """Return the best span of all windows, and the probability of each candidate."""
        (windows,) = self.windows.of([row])
        best: dict[str, float] = {}
        for window, found in zip(windows, outputs, strict=True):
            for score, first, last in found.spans:
                text = row.context[window.spans[first][0] : window.spans[last][1]].strip()
                if text:
                    best[text] = max(score, best.get(text, -math.inf))
        kept = dict(sorted(best.items(), key=lambda item: -item[1])[: self.section.n_best])
        none = [found.none for found in outputs if found.none is not None]
        if none:
            kept[NO_ANSWER] = min(none)
        scores = dict(zip(kept, torch.tensor([*kept.values()]).softmax(0).tolist(), strict=True))
        line = Prediction(row.id, row.question, right_texts(row), NO_ANSWER, scores, row.paragraph)
        return self.decided(line)

    def decided(self, prediction: Prediction) -> Prediction:
        """Return the line with the best span, or with none where that is likely enough.

        Before a threshold is chosen, "likely enough" is more likely than the best span.
        """
        threshold = EVEN if self.threshold is None else self.threshold
        none = against_best(prediction.scores)
        text = answer_or_none(_best_span(prediction), none, threshold=threshold)
        return replace(prediction, prediction=text)

    def score(self, predictions: Sequence[Prediction]) -> Scores:
        """Return SQuAD's exact match and F1, of v2.0 with their parts."""
        return evaluate_questions(predictions, version=self.version)

    def baselines(
        self, train: Sequence[QuestionRow], rows: Sequence[QuestionRow]
    ) -> list[Baseline]:
        """Return what a sentence that shares the question's words scores, and what silence does."""
        del train
        return question_baselines(as_questions(rows), version=self.version)

    def settle(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return from which probability on, against the best span, there is no answer.

        It is the best by F1 on these, if that is clearly better than an even chance.

        Nothing is chosen where all questions have the same probability.
        """
        golds = right_answers(predictions)
        spans = {line.id: _best_span(line) for line in predictions}
        none = {line.id: against_best(line.scores) for line in predictions}
        if len({*none.values()}) == 1:
            return {}
        return {_THRESHOLD: careful_threshold(golds, spans, none)}

    def settled(self, values: Mapping[str, float]) -> Self:
        """Return the task with its threshold."""
        task = type(self)(self.section, tokenizer=self.tokenizer, positions=self.windows.max_length)
        task.threshold = values.get(_THRESHOLD)
        return task


def best_spans(
    start: Tensor, end: Tensor, *, longest: int, most: int
) -> list[tuple[float, int, int]]:
    """Return score, first and last of the `most` best spans of at most `longest` tokens.

    `start` and `end` are scores of the positions, `[positions]`.
    """
    pairs = start[:, None] + end[None, :]
    allowed = torch.ones_like(pairs, dtype=torch.bool).triu().tril(longest - 1)
    scores = pairs.masked_fill(~allowed, -torch.inf).flatten()
    best = scores.topk(min(most, int(allowed.sum())))
    return [
        (score, *divmod(index, len(end)))
        for score, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]


def _best_span(prediction: Prediction) -> str:
    """Return the likeliest answer of a line, whatever the probability that there is none."""
    spans = {text: score for text, score in prediction.scores.items() if text != NO_ANSWER}
    return max(spans, key=spans.__getitem__, default=NO_ANSWER)


def _loss(scores: Sequence[tuple[Tensor, Tensor]], batch: FlatBatch) -> Loss:
    total, count = torch.zeros((), device=batch.targets.device), 0
    each, hits, units = [], [], []
    targets = batch.targets.split(batch.counts)
    for (start, end), bits in zip(scores, targets, strict=True):
        starts, ends = (bits & START).bool(), (bits & END).bool()
        # A window without a target has no part in the loss.
        units.append(2 * int(starts.any()))
        if units[-1]:
            where = torch.stack([starts.int().argmax(), ends.int().argmax()])
            both = torch.stack([start, end])
            losses = F.cross_entropy(both, where, reduction="none")
            total = total + losses.sum() / 2
            count += 1
            each.append(losses.detach())
            hits.append(both.argmax(-1) == where)
    rows = row_losses(torch.cat(each), torch.cat(hits), units) if each else None
    return Loss(total, count, rows)


def _scores(network: Network, hidden: Tensor, batch: FlatBatch) -> list[tuple[Tensor, Tensor]]:
    """Return each window's scores for start and end, `[positions]` each."""
    head = network.get_submodule("qa_outputs")
    read = hidden[batch.read_at].to(next(head.parameters()).dtype)
    start, end = head(read).unbind(-1)
    return list(zip(start.split(batch.counts), end.split(batch.counts), strict=True))


def _encoded(row: QuestionRow, windows: Sequence[Window]) -> tuple[EncodedRow, ...]:
    """Return the windows with their targets; none has one where none holds the row's answer."""
    # Some of SQuAD's answers have spaces at their edges; no token's characters do.
    answers = [bare(row.context, a.start, a.start + len(a.text)) for a in row.answers]
    found = [
        next(filter(None, (window.answer(*answer) for answer in answers)), None)
        for window in windows
    ]
    lost = bool(row.answers) and not any(found)
    return tuple(
        EncodedRow(
            (window.tokens[: window.first], window.tokens[window.first :]),
            window.positions,
            (0,) * len(window.positions) if lost else window.targets(where),
        )
        for window, where in zip(windows, found, strict=True)
    )


def _length(piece: EncodedRow) -> int:
    """Return the tokens of the piece's answer."""
    starts = [at for at, target in enumerate(piece.targets) if target & START]
    ends = [at for at, target in enumerate(piece.targets) if target & END]
    return ends[0] - starts[0] + 1


def _none_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the token that stands after the context for no answer: the end of text, if any."""
    if tokenizer.eos_token_id is not None:
        return int(tokenizer.eos_token_id)
    return int(token_ids(tokenizer, ["\n"])[0][-1])
