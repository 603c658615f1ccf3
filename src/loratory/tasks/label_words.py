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

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow, Encoding
from loratory.data.rows import Row
from loratory.errors import ConfigError
from loratory.losses import Loss, cross_entropy
from loratory.metrics.baselines import Baseline
from loratory.metrics.evaluate import ClassificationScores, evaluate_classification
from loratory.metrics.predictions import Prediction
from loratory.models.network import Network
from loratory.recipe.schema import LabelWordsTask, SolvedExample
from loratory.tasks.classes import CLASS_METRICS, class_baselines, class_prediction
from loratory.tasks.prompt import Template, continuation, shared_length
from loratory.tasks.tokens import (
    beginning,
    fitting,
    longest,
    over_length,
    reserved_notes,
    token_ids,
    without_token,
)


class LabelWords:
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
        self.too_long = section.too_long
        self.beginning = beginning(tokenizer, bos=section.bos)
        self.max_length = longest(section.max_length, positions)
        self.names = section.words or self.labels
        self.words = self._word_tokens()
        self.examples = "".join(
            f"{self._prompt(shown.text)}{self._word_of(shown.label)}\n\n"
            for shown in section.examples
        )
        self.at_once = all(len(word) == 1 for word in self.words)
        self.most = self.max_length - max(map(len, self.words))
        self.content_free = self._content_free(section.content_free)

    def attach(self, network: Network, generator: torch.Generator) -> None:
        """Add nothing: the vocabulary is all the head there is."""

    def encode(self, rows: Sequence[Row]) -> Encoding:
        """Write the prompts; learned from is each with its own word, asked are all words.

        Raises:
            DataError: a text without a token, or a prompt above `max_length` that may not be cut.
        """
        truncated = 0
        learned, asked = [], []
        shared = self._shared()
        for row, tokens in zip(rows, self._tokens([row.text for row in rows]), strict=True):
            prompt = tokens
            if not prompt:
                raise without_token(row.place, row.text)
            if len(prompt) > self.most:
                prompt = self._cut(row, len(prompt))
                truncated += 1
            paths = self._paths(prompt, shared)
            learned.append(paths[row.label])
            # One path serves all words of one token: they are read at the same place.
            words = (paths[row.label],) if self.at_once else paths
            asked.append((*words, *self.content_free))
        notes = reserved_notes(self.tokenizer, [(row.text, row.place) for row in rows])
        return Encoding(
            tuple(learned),
            tuple(asked),
            truncated,
            notes,
            asked_loss=self.at_once and self.score_rule != "calibrated",
        )

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the cross-entropy of the words' tokens over the whole vocabulary, summed."""
        return cross_entropy(network.logits(hidden[batch.read_at]), batch.targets)

    def predict(self, network: Network, hidden: Tensor, batch: FlatBatch) -> list[list[float]]:
        """Return for each path the log-probability of each word, or of each of its word's tokens.

        The former where all words are of one token and one path serves them all.
        """
        found = network.logits(hidden[batch.read_at]).log_softmax(-1)
        if self.at_once:
            first = torch.tensor([word[0] for word in self.words], device=found.device)
            words: list[list[float]] = found[:, first].tolist()
            return words
        tokens = found.gather(1, batch.targets[:, None])[:, 0]
        return [part.tolist() for part in tokens.split(batch.counts)]

    def prediction(self, row: Row, outputs: Sequence[Sequence[float]]) -> Prediction:
        """Return the class whose word scores best; of equals, the first."""
        scores = self._scores(outputs)
        return class_prediction(row, self.labels, torch.tensor(scores).softmax(0).tolist())

    def score(self, predictions: Sequence[Prediction]) -> ClassificationScores:
        """Return accuracy and its companions."""
        return evaluate_classification(predictions, self.labels)

    def baselines(self, train: Sequence[Row], rows: Sequence[Row]) -> list[Baseline]:
        """Return the majority class's scores and those of TF-IDF with logistic regression."""
        return class_baselines(train, rows, self.labels)

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

    def _content_free(self, text: str) -> tuple[EncodedRow, ...]:
        """Return the paths that every row's are compared with."""
        if self.score_rule != "calibrated":
            return ()
        prompt = self._one(text)
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

    def _word_of(self, label: str) -> str:
        if label not in self.labels:
            raise ConfigError(
                "DATA-LABEL",
                "a solved example's label is not one of the classes",
                at="task.examples",
                got=label,
                expected=" or ".join(self.labels),
                fix="name one of the classes",
            )
        return self._following(self.names[self.labels.index(label)])

    def _following(self, name: str) -> str:
        """Return a word as it follows the prompt."""
        return ("" if name.startswith(" ") else self.template.gap) + name.rstrip()

    def _prompt(self, text: str) -> str:
        return self.template.filled({"text": text})

    def _tokens(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        prompts = [self.examples + self._prompt(text) for text in texts]
        ids = token_ids(self.tokenizer, prompts)
        return [(*self.beginning, *tokens) for tokens in ids]

    def _one(self, text: str) -> tuple[int, ...]:
        (tokens,) = self._tokens([text])
        return tokens

    def _shared(self) -> tuple[int, ...]:
        """Return the tokens that every prompt begins with, whatever its text."""
        one, other = self._tokens(["a", "B"])
        return one[: shared_length(one, other)]

    def _cut(self, row: Row, length: int) -> tuple[int, ...]:
        """Return the prompt of `row` with the end of its text left out."""
        if self.too_long == "refuse":
            raise over_length(row.place, length, self.most)
        kept = fitting(row.text, self.most, lambda text: len(self._one(text)), place=row.place)
        return self._one(kept)


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
    """Return `shots` of the rows, class by class in turn, the first of each class first."""
    by_class = [[row for row in rows if row.label == number] for number in range(len(labels))]
    turns = [part[turn] for turn in range(shots) for part in by_class if turn < len(part)]
    return tuple(SolvedExample(text=row.text, label=labels[row.label]) for row in turns[:shots])
