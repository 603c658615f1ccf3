"""Write text after a prompt, with a run's network or with a base as it is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from loratory.data.texts import checked_text
from loratory.errors import ConfigError
from loratory.inference.generate import generate, stream
from loratory.inference.opened import open_model
from loratory.models.load import Base, load_base
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Decoding, TrainingSection
from loratory.runs.folder import RunFolder
from loratory.tasks.make import reads_vocabulary
from loratory.tasks.task import Writing
from loratory.tasks.tokens import beginning, token_ids
from loratory.train.compute import Compute, choose_compute


@dataclass(frozen=True)
class WrittenText:
    """What was written after a prompt."""

    text: str
    tokens: int
    cut: bool
    """No end came within the limit."""


@dataclass(frozen=True)
class Writer:
    """A network that writes, and how it reads a prompt."""

    base: Base
    compute: Compute
    bos: bool | None
    """Whether prompts begin with the beginning-of-text token; None: as its tokenizer has it."""

    def write(self, prompt: str, decoding: Decoding, *, seed: int) -> WrittenText:
        """Return what is written after `prompt`.

        Raises:
            DataError: the prompt is none that a model can read, or leaves no room.
        """
        (written,) = self.write_many(prompt, decoding, seed=seed, texts=1)
        return written

    def write_many(
        self,
        prompt: str,
        decoding: Decoding,
        *,
        seed: int,
        texts: int,
        watch: Callable[[int], None] = lambda _: None,
    ) -> list[WrittenText]:
        """Return `texts` that are written after `prompt`, side by side, each drawn for itself.

        The first is what `write` returns. `watch` hears of each few that are done.

        Raises:
            DataError: as `write`.
        """
        tokens = self._read(prompt)
        found = generate(
            self.base.network,
            [tokens] * texts,
            self._writing(decoding),
            seed=seed,
            tokens_at_once=self.compute.micro_batch_tokens,
            watch=watch,
        )
        tokenizer = self.base.tokenizer
        before = len(_text_of(tokenizer, tokens))
        return [
            WrittenText(
                _text_of(tokenizer, [*tokens, *each.tokens])[before:], len(each.tokens), each.cut
            )
            for each in found
        ]

    def stream(self, prompt: str, decoding: Decoding, *, seed: int) -> Iterator[str]:
        """Yield, piece by piece as it is written, the text that `write` returns.

        Raises:
            DataError: as `write`.
        """
        tokens = self._read(prompt)
        written = stream(self.base.network, tokens, self._writing(decoding), seed=seed)
        yield from pieces(self.base.tokenizer, tokens, written)

    def _read(self, prompt: str) -> list[int]:
        tokenizer = self.base.tokenizer
        # An empty one is what begins every text, where there is such a token.
        text = prompt and checked_text(prompt, "the prompt", what="prompt", most=None)
        if self.bos is None:
            found: list[int] = tokenizer(text, verbose=False)["input_ids"]
            return found
        return [*beginning(tokenizer, bos=self.bos), *token_ids(tokenizer, [text])[0]]

    def _writing(self, decoding: Decoding) -> Writing:
        return Writing(decoding, _ends(self.base))


def load_writer(name: str) -> Writer:
    """Return what writes for `name`: the folder of a run, or a base.

    A run reads prompts as its rows were read, a base as its tokenizer does by itself: there, a
    reserved token written in the prompt is that token.

    Raises:
        ConfigError: the run answers with a head of its own and writes nothing (CFG-VALUE).
        RunError, ModelError, SecurityError, ResourceError: it cannot be had, read or trusted.
    """
    folder = RunFolder(Path(name))
    if folder.is_run:
        task = load_recipe(folder.recipe).task
        if not reads_vocabulary(task):
            raise _no_words(name, task.kind)
        tuned = open_model(folder.path)
        return Writer(tuned.base, tuned.compute, tuned.recipe.task.bos)
    base = load_base(name, language_head=True)
    compute = choose_compute(TrainingSection(), base.network.config.hidden_size)
    base.network.move(compute.device, compute.dtype)
    return Writer(base, compute, None)


def pieces(
    tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], tokens: Iterable[int]
) -> Iterator[str]:
    """Yield the text of `tokens` as they come; a character of several tokens comes whole."""
    read = [*prompt]
    shown = whole = _text_of(tokenizer, read)
    for token in tokens:
        read.append(token)
        whole = _text_of(tokenizer, read)
        if len(whole) > len(shown) and not whole.endswith("\N{REPLACEMENT CHARACTER}"):
            yield whole[len(shown) :]
            shown = whole
    if len(whole) > len(shown):
        yield whole[len(shown) :]


def _text_of(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int]) -> str:
    """Return the text of a prompt and of what follows it.

    Together, for without the prompt some tokenizers drop the space before the first word.
    """
    text = tokenizer.decode(
        list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    assert isinstance(text, str)
    return text


def _ends(base: Base) -> tuple[int, ...]:
    """Return the tokens that end a text, by the tokenizer and the model's configuration."""
    listed = getattr(base.network.config, "eos_token_id", None)
    ends = listed if isinstance(listed, list) else [listed]
    return tuple(sorted({end for end in (base.tokenizer.eos_token_id, *ends) if end is not None}))


def _no_words(run: str, kind: str) -> ConfigError:
    return ConfigError(
        "CFG-VALUE",
        f"a run of task {kind} answers with a head of its own, and its base was tuned for that: "
        "what it would write means nothing",
        at="command line: RUN_OR_BASE",
        got=run,
        expected="a run of label_words, written_qa or text, or a base",
        fix=f"use it with `loratory predict {run}`, or name its base instead",
    )
