"""What a teacher says of rows: asked block by block, and kept in the cache for other runs."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from loratory.data.rows import Row
from loratory.inference.kept_file import kept_file
from loratory.inference.teacher import Teacher
from loratory.train.compute import Compute

_BLOCK = 4096  # rows


def answers_digest(teacher: Teacher, rows: Sequence[Row]) -> str:
    """Return the sha256 of all that the answers follow from: teacher, rows and classes."""
    said = [[row.text, row.label] for row in rows]
    made_of = [teacher.digest, teacher.labels, said]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def ask(teacher: Teacher, rows: Sequence[Row], compute: Compute) -> Iterator[Tensor]:
    """Yield log p of each class for the next rows, `[some, classes]`: asked now, or kept already.

    A kill loses one block, and texts that stand behind those of an earlier run are asked alone.

    Raises:
        RunError, ModelError: the teacher cannot be loaded.
        ResourceError, RunError: the cache cannot be written.
    """
    once = replace(teacher, load=cache(teacher.load))
    for start in range(0, len(rows), _BLOCK):
        yield _ask_block(once, rows[start : start + _BLOCK], compute)


def _ask_block(teacher: Teacher, rows: Sequence[Row], compute: Compute) -> Tensor:
    def fill(said: Tensor) -> None:
        said.copy_(teacher.log_probabilities(rows, compute))

    shape = len(rows), len(teacher.labels)
    return kept_file(answers_digest(teacher, rows), shape, torch.float32, fill).clone()
