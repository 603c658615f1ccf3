"""From the scores of the next token to a token: pure functions of tensors.

Scores are `[texts, vocabulary]`; what may not be drawn has minus infinity.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def penalised(scores: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make the tokens that were `seen`, `[texts, vocabulary]`, less likely.

    Keskar et al. 2019, "CTRL: A Conditional Transformer Language Model for Controllable
    Generation", arXiv:1909.05858, section 4.1; negative scores are multiplied, as everywhere since.
    """
    less = torch.where(scores < 0, scores * penalty, scores / penalty)
    return torch.where(seen, less, scores)


def keep_top_k(scores: Tensor, k: int) -> Tensor:
    """Keep the `k` largest scores of each text, and those that equal the last of them."""
    least = scores.topk(min(k, scores.shape[-1])).values[:, -1:]
    return scores.masked_fill(scores < least, -torch.inf)


def keep_top_p(scores: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens of each text that together reach probability `p`.

    Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.
    """
    ordered, order = scores.sort(dim=-1)
    unlikely = ordered.softmax(-1).cumsum(-1) <= 1 - p
    unlikely[:, -1] = False
    return scores.masked_fill(torch.zeros_like(unlikely).scatter(1, order, unlikely), -torch.inf)


def drawn(scores: Tensor, numbers: Tensor) -> Tensor:
    """Draw a token of each text, `[texts]`, by its number out of [0, 1)."""
    reached = scores.double().softmax(-1).cumsum(-1)
    aim = numbers.to(reached)[:, None] * reached[:, -1:]
    return torch.searchsorted(reached, aim, right=True)[:, 0]


class Repetition:
    """Makes the tokens of each text less likely to come again, those of its prompt included."""

    def __init__(self, penalty: float, texts: Sequence[Sequence[int]]) -> None:
        """Begin with `texts`; a penalty of 1 is none."""
        self.penalty, self.texts = penalty, texts
        self.seen: Tensor | None = None

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the scores with the penalty, `[texts, vocabulary]`."""
        if self.penalty == 1:
            return scores
        if self.seen is None:
            seen = torch.zeros(scores.shape, dtype=torch.bool)
            for row, text in zip(seen, self.texts, strict=True):
                row[[*text]] = True
            self.seen = seen.to(scores.device)
        return penalised(scores, self.seen, self.penalty)

    def grow(self, texts: Sequence[int], tokens: Sequence[int]) -> None:
        """Keep `texts`, in this order, each with a further token."""
        if self.seen is not None:
            self.seen = self.seen[[*texts]]
            self.seen[range(len(tokens)), [*tokens]] = True
