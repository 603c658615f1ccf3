"""Named random streams, all derived from one seed.

A stream's numbers depend on its name and index alone, never on what was drawn before. A run that
stops and goes on therefore has no generator state to keep.
"""

import hashlib
from typing import Literal

SEED_COUNT = 2**32
"""A seed is a whole number from 0 and below this."""

Stream = Literal[
    "initialisation", "order", "dropout", "sampling", "perturbation", "sweep", "examples"
]


def stream_seed(seed: int, stream: Stream, *index: int) -> int:
    """Return the 63-bit seed of `stream` at `index`, such as an epoch or a step."""
    words = " ".join([str(seed), stream, *map(str, index)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1
