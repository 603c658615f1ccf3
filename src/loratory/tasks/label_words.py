"""Label words: the model's next words after a prompt are the label.

    score(word | prompt) = Σ log p(token | prompt, tokens before)      sum
                           the same / number of tokens                 mean
                           sum - the same after a prompt without text  calibrated

    p(class) = softmax over the classes of their words' scores

Whole words are scored, every token of them. The prompt's shared beginning (the instruction and the
solved examples) is a segment of its own. Schick and Schütze 2021, arXiv:2001.07676; calibration:
Zhao et al. 2021, arXiv:2102.09690.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cache
from typing import Self

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding, one_each
from loratory.data.rows import Row
from loratory.errors import ConfigError
from loratory.losses import Loss, negative_log_p
from loratory.metrics.baselines import Baseline
from loratory.metrics.evaluate import ClassificationScores, evaluate_classification
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.recipe.schema import LabelWordsTask, SolvedExample
from loratory.tasks.classes import CLASS_METRICS, Tempered, class_baselines, class_prediction
from loratory.tasks.examples import Examples, SameForAll, no_examples
from loratory.tasks.prompt import Template, continuation, shared_length
from loratory.tasks.shown import Prompts, left_out_notes, shown_ids
from loratory.tasks.task import Predicted
from loratory.tasks.tokens import beginning, longest, reserved_notes, without_token


class LabelWords(Tempered):
    """Put each text into one of `labels`, by the words that stand for them."""

    heads = ()
    main_metric = "accuracy"
    metrics = CLASS_METRICS
    writing = None

    def __init__(
        self,
        section: LabelWordsTask,
        *,
        labels: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        positions: int,
    ) -> None:
        self.labels = tuple(labels)
        self.tokenizer = tokenizer
        self.template = Template(section.template, ["text"])
        self.score_rule = section.score
        self.max_length = longest(section.max_length, positions)
        self.names = section.words or self.labels
        self.words = self._word_tokens()
        own = tuple(self._own_example(*numbered) for numbered in enumerate(section.examples))
        self.prompts = Prompts(
            tokenizer,
            beginning(tokenizer, bos=section.bos),
            ask=lambda row: self._prompt(row.text),
            answer=lambda row: self._following(self.names[row.label]),
            cuts="text",
            too_long=section.too_long,
            instruction=section.instruction,
            examples=SameForAll(own),
        )
        self.at_once = all(len(word) == 1 for word in self.words)
        self.most = self.max_length - max(map(len, self.words))
        self.content_free = section.content_free
        self._content_free_paths(own)

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add nothing: the vocabulary is all the head there is."""

    def encode(self, rows: Sequence[Row]) -> Encoding:
        """Write the prompts; learned from is each with its own word, asked are all words.

        Raises:
            DataError: a text without a token, or a prompt above `max_length` that may not be cut.
        """
        learned, asked = [], []
        shared, content_free = self._shared(), cache(self._content_free_paths)
        prompts = [self.prompts.fitted(prompt, self.most) for prompt in self.prompts.of(rows)]
        for row, prompt in zip(rows, prompts, strict=True):
            if not prompt.tokens:
                raise without_token(row.place, row.text)
            paths = self._paths(prompt.tokens, shared)
            learned.append(paths[row.label])
            # One path serves all words of one token: they are read at the same place.
            words = (paths[row.label],) if self.at_once else paths
            asked.append((*words, *content_free(prompt.examples)))
        notes = reserved_notes(self.tokenizer, [(row.text, row.place) for row in rows])
        return Encoding(
            tuple(learned),
            tuple(asked),
            sum(prompt.cut for prompt in prompts),
            (*notes, *left_out_notes(prompts)),
            asked_loss=self.at_once and self.score_rule != "calibrated",
            examples=shown_ids(prompts),
        )

    def showing(self, examples: Examples) -> Self:
        """Return the task with other solved examples before its prompts."""
        task = copy(self)
        task.prompts = replace(self.prompts, examples=examples)
        return task

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of the words' tokens over the whole vocabulary, summed."""
        scores = network.token_scores(hidden[batch.read_at], batch.targets)
        return negative_log_p(*scores, batch.counts)

    def taught(self, rows: Sequence[Row]) -> Encoding:
        """Write each prompt with the first word; those with the other words stand beside it."""
        encoding = self.encode(rows)
        paths = 1 if self.at_once else len(self.words)
        learned = [replace(asked[0], beside=asked[1:paths]) for asked in encoding.asked]
        return one_each(learned, truncated=encoding.truncated, notes=encoding.notes)

    def class_log_probabilities(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Tensor:
        """Return log p(word | prompt) of each class's word, `[rows, classes]`."""
        if self.at_once:
            log_p = network.logits(hidden[batch.read_at]).log_softmax(-1)
            return log_p[:, self._first_tokens]
        tokens = network.token_scores(hidden[batch.read_at], batch.targets).log_p
        paths = torch.stack([path.sum() for path in tokens.split(batch.counts)])
        return paths.view(-1, len(self.words))

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Predicted:
        """Return for each path the log-probability of each word, or of each of its word's tokens.

        The former where all words are of one token and one path serves them all: then the batch
        has a loss.
        """
        if self.at_once:
            log_p = network.logits(hidden[batch.read_at]).log_softmax(-1)
            right = log_p.gather(1, batch.targets[:, None])[:, 0]
            loss = negative_log_p(right, right >= log_p.amax(1), batch.counts)
            return Predicted(log_p[:, self._first_tokens].tolist(), loss)
        tokens = network.token_scores(hidden[batch.read_at], batch.targets).log_p
        return Predicted([part.tolist() for part in tokens.split(batch.counts)], None)

    def prediction(self, row: Row, outputs: Sequence[Sequence[float]]) -> Prediction:
        """Return the class whose word scores best; of equals, the first."""
        scores = torch.tensor(self._scores(outputs)).softmax(0).tolist()
        return self.decided(class_prediction(row, self.labels, scores))

    def score(self, predictions: Sequence[Prediction]) -> ClassificationScores:
        """Return accuracy and its companions."""
        return evaluate_classification(predictions, self.labels)

    def baselines(self, train: Sequence[Row], rows: Sequence[Row]) -> list[Baseline]:
        """Return the majority class's scores and those of TF-IDF with logistic regression."""
        return class_baselines(train, rows, self.labels)

    @property
    def _first_tokens(self) -> list[int]:
        return [word[0] for word in self.words]

    def _scores(self, outputs: Sequence[Sequence[float]]) -> list[float]:
        """Return each word's score by the rule, from the outputs for all paths of a row."""
        paths = 1 if self.at_once else len(self.words)
        sums = _sums(outputs[:paths], at_once=self.at_once)
        match self.score_rule:
            case "sum":
                return sums
            case "mean":
                return [total / len(w) for total, w in zip(sums, self.words, strict=True)]
            case "calibrated":
                empty = _sums(outputs[paths:], at_once=self.at_once)
                return [total - other for total, other in zip(sums, empty, strict=True)]

    def _content_free_paths(self, examples: tuple[Row, ...]) -> tuple[EncodedRow, ...]:
        """Return the paths that those of rows with these examples are compared with."""
        if self.score_rule != "calibrated":
            return ()
        row = Row("", self.content_free, 0, "task.content_free")
        (prompt,) = self.prompts.tokens([self.prompts.written(row, examples)])
        if not 0 < len(prompt) <= self.most:
            raise ConfigError(
                "TASK-TEMPLATE",
                "the prompt without content cannot be read",
                at="task.content_free",
                got=f"{len(prompt):,} tokens",
                expected=f"1 to {self.most:,}",
                fix="set task.content_free to a short text, or task.score to sum",
            )
        paths = self._paths(prompt, ())
        return paths[:1] if self.at_once else paths

    def _paths(self, prompt: tuple[int, ...], shared: Sequence[int]) -> tuple[EncodedRow, ...]:
        return tuple(_path(prompt, word, shared) for word in self.words)

    def _word_tokens(self) -> list[tuple[int, ...]]:
        """Return the tokens of each word as they follow the prompt."""
        if len(self.names) != len(self.labels):
            raise _verbalizer(
                f"{len(self.names)} words for {len(self.labels)} labels", "one word for each label"
            )
        prompt = self._prompt("text")
        words: dict[tuple[int, ...], str] = {}
        for name in self.names:
            tokens = continuation(self.tokenizer, prompt, self._following(name))
            if not name.strip() or not tokens:
                raise _verbalizer(f"label word {name!r} is empty", "words with at least one token")
            if tokens in words:
                raise _verbalizer(
                    f"label words {words[tokens]!r} and {name!r} are the same tokens",
                    "words that differ",
                )
            words[tokens] = name
        return list(words)

    def _following(self, name: str) -> str:
        """Return a word as it follows the prompt."""
        return ("" if name.startswith(" ") else self.template.gap) + name.rstrip()

    def _prompt(self, text: str) -> str:
        return self.template.filled({"text": text})

    def _own_example(self, number: int, shown: SolvedExample) -> Row:
        place = f"task.examples[{number}]"
        if shown.label not in self.labels:
            raise ConfigError(
                "DATA-LABEL",
                "a solved example's label is not one of the classes",
                at="task.examples",
                got=shown.label,
                expected=" or ".join(self.labels),
                fix="name one of the classes",
            )
        return Row(place, shown.text, self.labels.index(shown.label), place)

    def _shared(self) -> tuple[int, ...]:
        """Return the tokens that every prompt begins with, whatever its text."""
        fixed = self.prompts.examples.fixed
        texts = [self.prompts.written(Row("", text, 0, ""), fixed) for text in ("a", "B")]
        one, other = self.prompts.tokens(texts)
        return one[: shared_length(one, other)]


def _path(prompt: tuple[int, ...], word: tuple[int, ...], shared: Sequence[int]) -> EncodedRow:
    """Return the prompt and the word, read wherever the next token is one of the word's."""
    cut = shared_length(prompt, shared) if shared else 0
    own = (*prompt[cut:], *word[:-1])
    positions = tuple(range(len(prompt) - 1, len(prompt) - 1 + len(word)))
    return EncodedRow((prompt[:cut], own) if cut else (own,), positions, word)


def _sums(outputs: Sequence[Sequence[float]], *, at_once: bool) -> list[float]:
    return list(outputs[0]) if at_once else [sum(tokens) for tokens in outputs]


def _verbalizer(problem: str, expected: str) -> ConfigError:
    return ConfigError(
        "TASK-VERBALIZER",
        problem,
        at="task.words",
        expected=expected,
        fix="set task.words to a different word for each label",
    )


def drawn_examples(
    rows: Sequence[Row], shots: int, labels: Sequence[str]
) -> tuple[SolvedExample, ...]:
    """Return `shots` of the rows, class by class in turn, the first of each class first.

    Raises:
        ConfigError: no row would be left to train on, and to count classes from (CFG-RANGE).
    """
    if shots >= len(rows):
        expected = f"fewer than {len(rows):,}, the training rows, of which some are to be left"
        raise no_examples("task.shots", shots, expected)
    by_class = [[row for row in rows if row.label == number] for number in range(len(labels))]
    turns = [part[turn] for turn in range(shots) for part in by_class if turn < len(part)]
    return tuple(SolvedExample(text=row.text, label=labels[row.label]) for row in turns[:shots])
