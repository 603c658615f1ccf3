"""Windows: a question with as much of its context as one pass reads, the next one overlapping.

    [bos] question ⏎ context tokens [end]

The question goes first, because a causal model reads left to right: every token of the context has
seen it. Where a question may have no answer, a token after the context stands for "none here": it
has seen both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from transformers import PreTrainedTokenizerBase

from loratory.data.rows import QuestionRow
from loratory.errors import DataError

START, END = 1, 2
"""Bits of a target: the answer starts, or ends, at this position."""


@dataclass(frozen=True)
class Window:
    """A part of a question's context, and where its tokens stand in it."""

    tokens: tuple[int, ...]
    """Question, context and, where there is one, the token for no answer."""

    first: int
    """The first token of the context."""

    spans: tuple[tuple[int, int], ...]
    """Characters of the context that each of its tokens covers."""

    none_at: int | None
    """The position that stands for no answer, counted as `positions` are."""

    @property
    def positions(self) -> tuple[int, ...]:
        """Where the network is read: the context's tokens, and the one for no answer."""
        more = 0 if self.none_at is None else 1
        return tuple(range(self.first, self.first + len(self.spans) + more))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First character of each of the context's tokens."""
        return tuple(start for start, _ in self.spans)

    def answer(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the positions of the tokens that hold characters `start` to `end`, if all do."""
        held = [at for at, (left, right) in enumerate(self.spans) if left < end and start < right]
        if not held or self.spans[held[0]][0] > start or self.spans[held[-1]][1] < end:
            return None
        return held[0], held[-1]

    def targets(self, answer: tuple[int, int] | None) -> tuple[int, ...]:
        """Return for each position whether the answer starts or ends there; all 0 without one."""
        if answer is None and self.none_at is not None:
            answer = (self.none_at, self.none_at)
        found = [0] * len(self.positions)
        if answer is not None:
            found[answer[0]] |= START
            found[answer[1]] |= END
        return tuple(found)


@dataclass(frozen=True)
class Windows:
    """How questions are cut into windows."""

    tokenizer: PreTrainedTokenizerBase
    beginning: tuple[int, ...]
    max_length: int
    stride: int
    none_token: int | None
    """The token for no answer; None where every question has one."""

    def of(self, rows: Sequence[QuestionRow]) -> list[list[Window]]:
        """Return the windows of each row.

        Raises:
            DataError: a question leaves no room for its context (DATA-TRUNC).
        """
        if not rows:
            return []
        options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
        questions = self.tokenizer([f"{row.question}\n" for row in rows], **options)["input_ids"]
        contexts = self.tokenizer(
            [row.context for row in rows], return_offsets_mapping=True, **options
        )
        return [
            self._windows(row, question, list(zip(ids, offsets, strict=True)))
            for row, question, ids, offsets in zip(
                rows, questions, contexts["input_ids"], contexts["offset_mapping"], strict=True
            )
        ]

    def _windows(
        self, row: QuestionRow, question: list[int], context: list[tuple[int, tuple[int, int]]]
    ) -> list[Window]:
        head = (*self.beginning, *question)
        tail = () if self.none_token is None else (self.none_token,)
        room = self.max_length - len(head) - len(tail)
        if room <= self.stride:
            raise DataError(
                "DATA-TRUNC",
                "the question leaves too little room for its context",
                at=row.place,
                got=f"{len(head)} tokens of question",
                expected=f"at most {self.max_length - len(tail) - self.stride - 1}",
                fix="raise task.max_length, lower task.stride, or shorten the question",
            )
        windows = []
        for start in range(0, max(1, len(context) - self.stride), room - self.stride):
            part = context[start : start + room]
            windows.append(
                Window(
                    tokens=(*head, *(token for token, _ in part), *tail),
                    first=len(head),
                    spans=tuple(bare(row.context, *span) for _, span in part),
                    none_at=None if self.none_token is None else len(part),
                )
            )
        return windows


def bare(context: str, start: int, end: int) -> tuple[int, int]:
    """Return characters `start` to `end` without the spaces at their edges."""
    text = context[start:end]
    return start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
