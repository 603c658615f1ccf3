"""What all tasks do alike with a tokenizer: beginnings, continuations, and what is said of them."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from loratory.errors import ConfigError, DataError

_BETWEEN_DOCUMENTS = "<|endoftext|>"


_ALONE: dict[str, Any] = {
    "add_special_tokens": False,
    "split_special_tokens": True,
    "verbose": False,
}


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each text alone; a reserved token written in it is plain text."""
    ids: list[list[int]] = tokenizer(list(texts), **_ALONE)["input_ids"]
    return ids


def token_ends(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return where in the text each of the tokens that `token_ids` returns ends, in characters."""
    spans = tokenizer(text, return_offsets_mapping=True, **_ALONE)["offset_mapping"]
    return [end for _, end in spans]


def beginning(tokenizer: PreTrainedTokenizerBase, *, bos: bool) -> tuple[int, ...]:
    """Return the token that began a document in pretraining, if it is asked for and there is one.

    That is `<|endoftext|>` where the tokenizer reserves it (GPT-2, SmolLM2, Pythia, Qwen), also
    where a chat model's `bos` is another one, else the tokenizer's `bos`. Pretrained attention
    rests on the first token of a text: where that is a word of its own, the word is lost to the
    rest. Xiao et al. 2023, arXiv:2309.17453.
    """
    if not bos:
        return ()
    if _BETWEEN_DOCUMENTS in tokenizer.all_special_tokens:
        return (tokenizer.added_tokens_encoder[_BETWEEN_DOCUMENTS],)
    return () if tokenizer.bos_token_id is None else (int(tokenizer.bos_token_id),)


def longest(max_length: int | None, positions: int, *, least: int = 1) -> int:
    """Return how many tokens a row may have.

    Raises:
        ConfigError: the recipe allows more than the base can read, or less than `least`.
    """
    if max_length is not None and max_length < least:
        raise ConfigError(
            "CFG-RANGE",
            "too short for any text",
            at="task.max_length",
            got=max_length,
            expected=f"at least {least}",
            fix="raise task.max_length, or leave it out",
        )
    if max_length is not None and max_length > positions:
        raise ConfigError(
            "CFG-RANGE",
            "the base cannot read texts this long",
            at="task.max_length",
            got=max_length,
            expected=f"at most {positions:,}, the base's positions",
            fix=f"set task.max_length to {positions} or less, or leave it out",
        )
    return max_length or positions


def over_length(place: str, tokens: int, most: int, *, examples: int = 0) -> DataError:
    """Return the error for a text that is longer than it may be, with examples before it."""
    fewer = f", or show fewer than {examples} solved examples" if examples else ""
    return DataError(
        "DATA-TRUNC",
        "a text is longer than the base may read",
        at=place,
        got=f"{tokens:,} tokens",
        expected=f"at most {most:,}",
        fix=f"set task.too_long=truncate to cut and count such texts, or shorten them{fewer}",
    )


def fitting(text: str, most: int, length: Callable[[str], int], *, place: str) -> str:
    """Return the longest beginning of `text` of which `length` makes at most `most` tokens.

    Raises:
        DataError: not even its first character fits (DATA-TRUNC).
    """

    def start(end: int) -> str:
        return text[:end].rstrip()

    end = bisect_right(range(len(text) + 1), most, key=lambda end: length(start(end))) - 1
    if not start(max(end, 0)):
        raise DataError(
            "DATA-TRUNC",
            "the prompt leaves no room for its text",
            at=place,
            got=f"{length(''):,} tokens without the text",
            expected=f"fewer than {most:,}",
            fix="raise task.max_length, or shorten the template, the question or the examples",
        )
    return start(end)


def without_token(place: str, text: str) -> DataError:
    """Return the error for a text of which the tokenizer makes nothing."""
    return DataError(
        "DATA-TEXT",
        "the text has no token",
        at=place,
        got=text,
        expected="at least one token",
        fix="remove the row, or set data.max_bad_rows",
    )


def reserved_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the tokens that stand for no text, such as those between documents and messages."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    return [token for token in dict.fromkeys(tokenizer.all_special_tokens + added) if token.strip()]


def reserved_notes(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """Return a note on the texts, each with its place, that contain a reserved token."""
    reserved = reserved_tokens(tokenizer)
    hit = [place for text, place in texts if any(token in text for token in reserved)]
    if not hit:
        return ()
    return (
        f"{len(hit)} texts contain a reserved token of the base and are read as plain text "
        f"(first: {hit[0]})",
    )
