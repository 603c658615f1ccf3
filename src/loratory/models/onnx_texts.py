"""Texts that grow over an ONNX file that is given keys and values, and returns them.

    past_key_values.N.key, .value   float32 `[texts, heads, past, width]`, none at the beginning
    present.N.key, .value           the same with what was read now

Texts end side by side: shorter ones are padded at the beginning, where the mask hides it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from loratory.batching.plan import split_by_tokens

Numbers = npt.NDArray[Any]


class OnnxTexts:
    """Growing texts of a session; `before` are its keys and values of no token."""

    def __init__(self, session: Any, before: dict[str, Numbers], tokens_at_once: int) -> None:
        self.session, self.before, self.tokens_at_once = session, before, tokens_at_once
        self.mask: Numbers = np.ones((0, 0), np.int64)
        """Where a text has a token, `[texts, length]`."""

        self.past = [numbers[:0] for numbers in before.values()]

    def add(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Begin further texts; return the scores of their next tokens, `[texts, vocabulary]`."""
        found = []
        for part in split_by_tokens([len(text) for text in texts], self.tokens_at_once):
            longest = max(map(len, texts[part]))
            padding = [longest - len(text) for text in texts[part]]
            ids = [[0] * empty + [*text] for empty, text in zip(padding, texts[part], strict=True)]
            mask = (np.arange(longest) >= np.array(padding)[:, None]).astype(np.int64)
            past = [np.repeat(numbers, len(ids), 0) for numbers in self.before.values()]
            scores, present = self._read(np.array(ids), mask, past)
            found.append(scores)
            kept = zip(self.past, present, strict=True)
            self.past = [_beneath(*pair, axis=2) for pair in kept]
            self.mask = _beneath(self.mask, mask, axis=1)
        return torch.from_numpy(np.concatenate(found))

    def grow(self, tokens: Sequence[int]) -> Tensor:
        """Add a token to each text; return the scores of the next, `[texts, vocabulary]`."""
        self.mask = np.pad(self.mask, ((0, 0), (0, 1)), constant_values=1)
        scores, self.past = self._read(np.array(tokens)[:, None], self.mask, self.past)
        return torch.from_numpy(scores)

    def select(self, texts: Sequence[int]) -> None:
        """Keep `texts`, in this order; one that is named twice goes on twice."""
        rows = [*texts]
        if rows == [*range(len(self.mask))]:
            return
        mask = self.mask[rows]
        first = int(mask.argmax(1).min())  # what is padding in all of them is left out
        self.mask = mask[:, first:]
        self.past = [numbers[rows, :, first:] for numbers in self.past]

    def _read(
        self, ids: Numbers, mask: Numbers, past: Sequence[Numbers]
    ) -> tuple[Numbers, list[Numbers]]:
        """Return the scores behind the last tokens, `[texts, vocabulary]`, and all that is kept."""
        given = dict(zip(self.before, past, strict=True))
        scores, *present = self.session.run(
            None, {"input_ids": ids, "attention_mask": mask, **given}
        )
        return scores[:, -1], present


def _beneath(one: Numbers, other: Numbers, *, axis: int) -> Numbers:
    """Return rows with further rows beneath them, all ending at the right on `axis`."""
    longest = max(one.shape[axis], other.shape[axis])

    def padded(part: Numbers) -> Numbers:
        widths = [(0, 0)] * part.ndim
        widths[axis] = (longest - part.shape[axis], 0)
        return np.pad(part, widths)

    return np.concatenate([padded(one), padded(other)])
