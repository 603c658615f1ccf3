"""A job: a folder with all that both sides start from.

    recipe.yaml     what Loratory is told, float32 on a processor, every path whole
    tokens.jsonl    the training rows as the task encodes them, for the peer
    start/          the adapter that training starts from, in PEFT's form
    check/          one whose update and head are not zero, as they are at the start

The peer reads the tokens, Loratory its recipe's rows; both read the adapters.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from loratory.batching.rows import EncodedRow
from loratory.inference.tuned import Tuned, untrained
from loratory.methods.trained import trained_parameters
from loratory.recipe.load import dump_recipe, load_recipe
from loratory.recipe.schema import PeftMethod, Recipe
from loratory.tasks.given import given_rows

RECIPE, TOKENS, START, CHECK = "recipe.yaml", "tokens.jsonl", "start", "check"
CHECKED_ROWS = 8
# Enough that the loss says something of every layer, little enough to stay one of a language model.
_STIRRED = 0.02
# What a shipped recipe says that a job does not want: scores, rows to score, and a warm-up, whose
# first step transformers takes at a rate of 0.
_PLAIN = {
    "data.name": None,
    "data.limit": None,
    "data.holdout": None,
    "training.select": None,
    "training.warmup": 0,
    "training.score_untuned": None,
    "training.precision": "float32",
    "training.device": "cpu",
}


@dataclass(frozen=True)
class Started:
    """A job's folder, written, and what was written."""

    tuned: Tuned
    rows: tuple[EncodedRow, ...]
    """The training rows."""


def write_job(
    folder: Path, *, base: str, recipe: str, data: str, settings: Mapping[str, Any] | None = None
) -> Started:
    """Write the job of training `base` by a shipped recipe, changed by settings, on a data file."""
    given = {**_PLAIN, "base": base, "data.train": data, **(settings or {})}
    complete, dataset = given_rows(load_recipe(recipe, given))
    tuned = untrained(complete)
    rows = tuned.task.encode(dataset.rows("train")).rows
    (folder / RECIPE).write_text(dump_recipe(tuned.recipe), encoding="utf-8")
    write_tokens(folder, rows)
    tuned.method.save(tuned.base, folder / START, heads=tuned.task.heads)
    generator = torch.Generator().manual_seed(0)
    for parameter in trained_parameters(tuned.base.network).values():
        parameter.data += torch.randn(parameter.shape, generator=generator) * _STIRRED
    tuned.method.save(tuned.base, folder / CHECK, heads=tuned.task.heads)
    return Started(tuned, rows)


def write_tokens(folder: Path, rows: Sequence[EncodedRow]) -> None:
    """Write `tokens.jsonl`: of each row its tokens, where it is read, and what is to be there.

    Of a pair, the chosen answer's, with the rejected one's beside it.
    """
    lines = [_as_line(row) for row in rows]
    (folder / TOKENS).write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")


def _as_line(row: EncodedRow) -> dict[str, Any]:
    line = {"tokens": row.tokens, "positions": row.positions, "targets": row.targets}
    return line if not row.beside else {**line, "beside": [_as_line(text) for text in row.beside]}


def read_tokens(folder: Path) -> list[dict[str, Any]]:
    """Return what `write_tokens` wrote."""
    lines = (folder / TOKENS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def job_recipe(folder: Path, settings: Sequence[str] = ()) -> Recipe:
    """Return the job's recipe, changed by settings such as `training.precision=auto`."""
    return load_recipe(folder / RECIPE, settings)


def from_check(folder: Path, recipe: Recipe) -> Recipe:
    """Return the recipe that starts from the adapter in `check`."""
    return recipe.model_copy(update={"method": PeftMethod(folder=str(folder / CHECK))})
