"""Pairs as tokens: a prompt, two answers with their ends, texts or chat messages alike."""

from collections.abc import Sequence
from typing import NamedTuple

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from loratory.batching.tree import common_length
from loratory.data.rows import PairRow, Said
from loratory.errors import ConfigError, DataError
from loratory.tasks.tokens import reserved_tokens, token_ids, without_token

_Tokens = tuple[int, ...]


class PairTokens(NamedTuple):
    """The tokens of a pair."""

    prompt: _Tokens
    answers: tuple[_Tokens, _Tokens]
    """The chosen one and the rejected one, each with what ends it."""

    melted: bool
    """The prompt alone ends in other tokens."""


def pair_tokens(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[PairRow], beginning: _Tokens
) -> list[PairTokens]:
    """Return the tokens of each pair.

    Texts stand behind `beginning` and end in the end-of-text token, where there is one; chat
    messages begin and end as the base's template says.

    Raises:
        ConfigError: rows are chat messages, and the base has no template.
        DataError: a prompt has no token; a message holds a reserved one (DATA-TEXT), or the base's
            template refuses the messages (DATA-PAIR).
    """
    wholes = [
        [row.prompt, *(_after(row.prompt, answer) for answer in (row.chosen, row.rejected))]
        for row in rows
    ]
    texts = [whole for part in wholes for whole in part if isinstance(whole, str)]
    of_text = iter(token_ids(tokenizer, texts) if texts else [])
    found = []
    for row, part in zip(rows, wholes, strict=True):
        if isinstance(row.prompt, str):
            prompt, *ways = [(*beginning, *next(of_text)) for _ in part]
            ways = [_ended(way, tokenizer.eos_token_id) for way in ways]
        else:
            prompt, *ways = _of_chat(tokenizer, row, part)
        same = min(common_length(prompt, way) for way in ways)
        if not same:
            raise without_token(row.place, str(row.prompt))
        chosen, rejected = (way[same:] for way in ways)
        found.append(PairTokens(prompt[:same], (chosen, rejected), melted=same < len(prompt)))
    return found


def _after(prompt: Said, answer: Said) -> Said:
    if isinstance(prompt, str) and isinstance(answer, str):
        return prompt + answer
    assert not isinstance(prompt, str)
    assert not isinstance(answer, str)
    return prompt + answer


def _ended(tokens: _Tokens, end: int | None) -> _Tokens:
    return tokens if end is None else (*tokens, end)


def _of_chat(
    tokenizer: PreTrainedTokenizerBase, row: PairRow, parts: Sequence[Said]
) -> list[_Tokens]:
    """Return the tokens of the prompt, where an answer is asked for, and of both whole chats."""
    if tokenizer.chat_template is None:
        raise ConfigError(
            "CFG-VALUE",
            "the rows are chat messages, and the base has no template for them",
            at=row.place,
            fix="use a base that was tuned to chat, or write prompt and answers as texts",
        )
    reserved = reserved_tokens(tokenizer)
    found = []
    for number, part in enumerate(parts):
        messages = [message._asdict() for message in part if not isinstance(message, str)]
        _refuse_reserved(reserved, [message["content"] for message in messages], row.place)
        try:
            text = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=number == 0
            )
        except TemplateError as error:
            raise DataError(
                "DATA-PAIR",
                f"the base's chat template refuses these messages: {error}",
                at=row.place,
                got=" ".join(message["role"] for message in messages),
                expected="messages that the base's template takes",
                fix="put the roles into the order that it takes, or take the pair out",
            ) from None
        found.append(tuple(tokenizer(text, add_special_tokens=False)["input_ids"]))
    return found


def _refuse_reserved(reserved: Sequence[str], contents: Sequence[str], place: str) -> None:
    """Refuse messages that hold a reserved token: between those of the template it would count."""
    for token in reserved:
        if any(token in content for content in contents):
            raise DataError(
                "DATA-TEXT",
                "a chat message contains a reserved token of the base, which would end or begin "
                "something there",
                at=place,
                got=token,
                fix="take the token out of the message, or take the pair out",
            )
