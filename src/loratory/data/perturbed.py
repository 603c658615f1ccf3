"""Altered copies of texts, for a teacher to judge: words left out, exchanged, repeated, replaced.

Nobody knows the class of such a text, which is why it takes a teacher; many of them lie where the
classes meet (compare Jiao et al. 2020, arXiv:1909.10351, and Wei and Zou 2019, arXiv:1901.11196).
"""

from collections.abc import Sequence

import numpy as np

from loratory.recipe.streams import stream_seed

_MOST_CHANGES = 3


def perturbed(texts: Sequence[str], *, copies: int, seed: int) -> list[str]:
    """Return `copies` altered copies of each text, every one new and no two alike.

    A copy has one to three changes, each at a random word: it is left out, exchanged with the next
    one, repeated elsewhere, or replaced by a word of another text. What comes out as it went in, or
    twice, is left away. A pure function of its arguments.
    """
    words = [word for text in texts for word in text.split()]
    known, found = set(texts), list[str]()
    for copy in range(copies):
        generator = np.random.Generator(np.random.PCG64(stream_seed(seed, "perturbation", copy)))
        for text in texts:
            altered = _altered(text.split(), words, generator)
            if altered and altered not in known:
                known.add(altered)
                found.append(altered)
    return found


def _altered(own: list[str], words: Sequence[str], generator: np.random.Generator) -> str:
    for _ in range(generator.integers(1, _MOST_CHANGES + 1)):
        at = int(generator.integers(max(len(own), 1)))
        match generator.integers(4):
            case 0:
                own = own[:at] + own[at + 1 :]
            case 1:
                own = own[:at] + own[at : at + 2][::-1] + own[at + 2 :]
            case 2:
                elsewhere = int(generator.integers(len(own) + 1))
                own = own[:elsewhere] + own[at : at + 1] + own[elsewhere:]
            case _:
                own = [*own[:at], words[int(generator.integers(len(words)))], *own[at + 1 :]]
    return " ".join(own)
