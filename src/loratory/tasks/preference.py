"""Preference: of two answers to a prompt, raise the chosen one over the rejected.

    log π(y|x) = Σ log p(token | prompt, answer's tokens before)     over the answer alone
    reward     = β (log π(y|x) - log π_ref(y|x))

A pair is one row: the chosen answer's text with the rejected one's beside it, so that both are in
the same batch and what they begin with, the prompt, is computed once. What the reference says of
them, nan until it is read, is `given`. Where prompt and answer melt into one token, the answer
begins where the tokens part, as in TRL.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, assert_never

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding, one_each
from loratory.data.rows import PairRow, plain
from loratory.errors import DataError
from loratory.losses import Loss
from loratory.metrics.baselines import Baseline
from loratory.metrics.predictions import Prediction
from loratory.metrics.preferences import (
    MARGIN,
    PREFERENCE_METRICS,
    UNREFERRED_METRICS,
    PairScores,
    evaluate_preferences,
    length_baseline,
    preference_line,
    reference_baseline,
)
from loratory.models.network import Network
from loratory.preference_losses import (
    Logps,
    hinge_loss,
    ipo_loss,
    orpo_loss,
    robust_loss,
    sigmoid_loss,
    simpo_loss,
)
from loratory.recipe.schema import (
    HingeLoss,
    IpoLoss,
    OrpoLoss,
    PreferenceTask,
    RobustLoss,
    SigmoidLoss,
    SimpoLoss,
)
from loratory.tasks.pair_tokens import PairTokens, pair_tokens
from loratory.tasks.task import Predicted
from loratory.tasks.tokens import beginning, longest, over_length, reserved_notes

_UNREAD = (float("nan"), float("nan"))


class _Said(NamedTuple):
    """What network and reference say of the answers of pairs, in nats, and their lengths."""

    policy: Logps
    reference: Logps
    tokens: Logps
    """How many tokens each answer has."""

    @property
    def mean_policy(self) -> Logps:
        return _per_token(self.policy, self.tokens)

    @property
    def mean_reference(self) -> Logps:
        return _per_token(self.reference, self.tokens)


class Preference:
    """Prefer the chosen answers of pairs."""

    heads = ()
    main_metric = "rewards/accuracies"
    writing = None

    def __init__(
        self, section: PreferenceTask, *, tokenizer: PreTrainedTokenizerBase, positions: int
    ) -> None:
        self.section = section.loss
        self.tokenizer = tokenizer
        self.too_long = section.too_long
        self.beginning = beginning(tokenizer, bos=section.bos)
        least = len(self.beginning) + 2
        self.max_length = longest(section.max_length, positions, least=least)
        self.refers = not isinstance(self.section, OrpoLoss | SimpoLoss)
        self.metrics = PREFERENCE_METRICS if self.refers else UNREFERRED_METRICS

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add nothing: the vocabulary is all the head there is."""

    def encode(self, rows: Sequence[PairRow]) -> Encoding:
        """Write each prompt with both answers; the reference's part is nan until it is read.

        Raises:
            ConfigError: rows are chat messages and the base has no template for them.
            DataError: a prompt leaves no room for an answer, or an answer is above `max_length` and
                may not be cut (DATA-TRUNC), or the answers are the same tokens (DATA-PAIR).
        """
        found = pair_tokens(self.tokenizer, rows, self.beginning)
        truncated, melted, encoded = 0, [], []
        for row, pair in zip(rows, found, strict=True):
            fits = self._cut(row, pair)
            truncated += fits != pair
            melted += [row.place] if pair.melted else []
            chosen, rejected = (_path(fits.prompt, answer) for answer in fits.answers)
            given = _UNREAD if self.refers else ()
            encoded.append(replace(chosen, beside=(rejected,), given=given))
        texts = [
            (plain(said), row.place)
            for row in rows
            for said in (row.prompt, row.chosen, row.rejected)
        ]
        notes = reserved_notes(self.tokenizer, texts)
        if melted:
            notes += (
                f"{len(melted)} prompts end within a token of the answer, which begins with that "
                f"token (first: {melted[0]}); let answers begin with a space or a line break",
            )
        return one_each(encoded, truncated=truncated, notes=notes)

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the loss summed over pairs, beside their rewards and log-probabilities."""
        return self._loss(self._said(network, hidden, batch))

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Return what network and reference say of each pair's answers, their lengths; the loss."""
        said = self._said(network, hidden, batch)
        columns = [*said.policy, *said.reference, *said.tokens]
        return Predicted(torch.stack(columns, dim=1).tolist(), self._loss(said))

    def _loss(self, said: _Said) -> Loss:
        losses = self._losses(said)
        with torch.no_grad():
            chosen, rejected = self._rewards(said)
            logps = said.policy if self.refers else said.mean_policy
            wins = chosen - rejected > MARGIN * self.section.beta * _size(logps)
            means = {
                "rewards/chosen": chosen,
                "rewards/rejected": rejected,
                "rewards/accuracies": wins.to(chosen.dtype),
                "rewards/margins": chosen - rejected,
                "logps/chosen": logps.chosen,
                "logps/rejected": logps.rejected,
            }
            sums = {name: values.sum() for name, values in means.items()}
        return Loss(losses.sum(), len(losses), sums=sums)

    def prediction(self, row: PairRow, outputs: Sequence[Sequence[float]]) -> Prediction:
        """Return which answer the rewards prefer; neither, where they differ by rounding alone."""
        (output,) = outputs
        said = _Said(*_pairs(torch.tensor([output], dtype=torch.float64)))
        numbers = {"reward": self._rewards(said), "logp": said.policy, "tokens": said.tokens}
        if self.refers:
            numbers["reference"] = said.reference
        pairs = {name: (float(two.chosen), float(two.rejected)) for name, two in numbers.items()}
        return preference_line(row.id, plain(row.prompt), pairs, beta=self.section.beta)

    def score(self, predictions: Sequence[Prediction]) -> PairScores:
        """Return the share of pairs whose chosen answer has the higher reward, and its kin."""
        return evaluate_preferences(predictions, referred=self.refers)

    def baselines(self, train: Sequence[PairRow], rows: Sequence[PairRow]) -> list[Baseline]:
        """Return what the answers' length alone tells."""
        learned, scored = (
            [(plain(row.chosen), plain(row.rejected)) for row in part] for part in (train, rows)
        )
        return [length_baseline(learned, scored)]

    def referred(self, encoding: Encoding, outputs: Sequence[Sequence[float]]) -> Encoding:
        """Return the rows with what the reference said of them, in the order of `predict`'s."""
        rows = [
            replace(row, given=(float(chosen), float(rejected)))
            for row, (chosen, rejected, *_) in zip(encoding.rows, outputs, strict=True)
        ]
        return one_each(rows, truncated=encoding.truncated, notes=encoding.notes)

    def before_training(self, predictions: Sequence[Prediction]) -> Baseline:
        """Return how often the reference itself finds the chosen answer likelier."""
        return reference_baseline(predictions)

    def _cut(self, row: PairRow, pair: PairTokens) -> PairTokens:
        """Return a pair whose answers end within `max_length`."""
        room = self.max_length - len(pair.prompt)
        if room < 1:
            raise DataError(
                "DATA-TRUNC",
                "the prompt leaves no room for an answer",
                at=row.place,
                got=f"{len(pair.prompt):,} tokens",
                expected=f"fewer than {self.max_length:,}",
                fix="shorten the prompt, raise task.max_length, or take the pair out",
            )
        # The last token is learned and never read.
        most = room + 1
        most_tokens = max(map(len, pair.answers))
        if most_tokens > most and self.too_long == "refuse":
            raise over_length(row.place, len(pair.prompt) + most_tokens - 1, self.max_length)
        cut = _shortened(pair, most)
        if cut.answers[0] == cut.answers[1]:
            raise DataError(
                "DATA-PAIR",
                "the two answers are the same tokens" + " once they are cut" * (cut != pair),
                at=row.place,
                expected="two answers that differ",
                fix="raise task.max_length, or take the pair out",
            )
        return cut

    def _said(self, network: Network, hidden: Tensor, batch: FlatBatch) -> _Said:
        each = network.token_scores(hidden[batch.read_at], batch.targets).log_p
        policy = torch.stack([part.sum() for part in each.split(batch.counts)]).view(-1, 2)
        given = batch.given.view(-1, 2) if self.refers else torch.zeros_like(policy)
        tokens = torch.tensor(batch.counts, device=policy.device).view(-1, 2)
        return _Said(*_pairs(torch.cat([policy, given.to(policy), tokens.to(policy)], dim=1)))

    def _rewards(self, said: _Said) -> Logps:
        """Return the rewards of the answers: of the summed log-ratios, or without reference."""
        beta = self.section.beta
        if not self.refers:
            return Logps(*(beta * logps for logps in said.mean_policy))
        pairs = zip(said.policy, said.reference, strict=True)
        return Logps(*(beta * (policy - reference) for policy, reference in pairs))

    def _losses(self, said: _Said) -> Tensor:
        """Return each pair's loss, `[pairs]`."""
        both = said.policy, said.reference
        match self.section:
            case SigmoidLoss(beta=beta, label_smoothing=smoothing):
                return sigmoid_loss(*both, beta=beta, label_smoothing=smoothing)
            case RobustLoss(beta=beta, label_smoothing=smoothing):
                return robust_loss(*both, beta=beta, label_smoothing=smoothing)
            case HingeLoss(beta=beta):
                return hinge_loss(*both, beta=beta)
            case IpoLoss(beta=beta):
                return ipo_loss(said.mean_policy, said.mean_reference, beta=beta)
            case OrpoLoss(beta=beta):
                return orpo_loss(said.mean_policy, beta=beta)
            case SimpoLoss(beta=beta, simpo_gamma=gamma):
                return simpo_loss(said.mean_policy, beta=beta, gamma=gamma)
            case _:
                assert_never(self.section)


def _shortened(pair: PairTokens, most: int) -> PairTokens:
    """Return the pair with at most so many tokens of each answer."""
    chosen, rejected = (answer[:most] for answer in pair.answers)
    return pair._replace(answers=(chosen, rejected))


def _path(prompt: tuple[int, ...], answer: tuple[int, ...]) -> EncodedRow:
    """Return the prompt and an answer, read wherever the next token is one of the answer's."""
    start = len(prompt) - 1
    positions = tuple(range(start, start + len(answer)))
    return EncodedRow((prompt, answer[:-1]), positions, answer)


def _pairs(columns: Tensor) -> list[Logps]:
    """Return the columns of `[pairs, 2n]`, two by two."""
    every = columns.unbind(1)
    return [Logps(*every[at : at + 2]) for at in range(0, len(every), 2)]


def _per_token(logps: Logps, tokens: Logps) -> Logps:
    return Logps(logps.chosen / tokens.chosen, logps.rejected / tokens.rejected)


def _size(logps: Logps) -> Tensor:
    return logps.chosen.abs() + logps.rejected.abs()
