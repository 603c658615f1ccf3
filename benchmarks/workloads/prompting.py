"""Prompting: eight solved reviews before each review, and the two label words after it.

Loratory computes what the prompts begin with in common once for many rows; the peer is transformers
with each full prompt alone, read at its last token. Both have the prompts as tokens.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.job import RECIPE
from benchmarks.limit import Work, forward_operations, vocabulary_operations
from benchmarks.sides.ask import PROMPTS
from benchmarks.texts import sentences
from benchmarks.workload import Options, Side, Workload, in_auto
from loratory.batching.flat import flatten
from loratory.inference.materials import Materials
from loratory.recipe.load import dump_recipe, load_recipe

ROWS, SHOWN_OF = 64, 200
_NAMES = ("negative", "positive")


def prepare(folder: Path, options: Options) -> Work:
    """Write the recipe with its rows, and the prompts as tokens for the peer."""
    rows, pool = options.rows_or(ROWS), 20 if options.quick else SHOWN_OF
    found = sentences(pool + rows, real=not options.quick)
    named = [{**row, "label": _NAMES[row["label"]]} for row in found]
    data = {"train": named[:pool], "validation": named[pool:]}
    for split, part in data.items():
        lines = "".join(f"{json.dumps(row)}\n" for row in part)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    settings: dict[str, Any] = {
        "base": options.base,
        "data": {split: str(folder / f"{split}.jsonl") for split in data} | {"leaks": "warn"},
        "training": {"precision": "float32", "device": "cpu"},
    }
    if options.quick:
        # What the tests' base has room for, and words that are one token to it, too.
        settings |= {"method.examples.k": 2, "task.words": ["the", "and"]}
    materials = Materials()
    recipe, dataset = materials.rows(load_recipe("rotten_tomatoes_prompted", settings))
    tuned = materials.untrained(recipe).showing(dataset.examples)
    (folder / RECIPE).write_text(dump_recipe(tuned.recipe), encoding="utf-8")
    asked = [pieces[0] for pieces in tuned.task.encode(dataset.rows("validation")).asked]
    words = [word[0] for word in tuned.task.words]  # type: ignore[attr-defined]  # of label words
    given = {"prompts": [row.tokens for row in asked], "words": words}
    (folder / PROMPTS).write_text(json.dumps(given), encoding="utf-8")
    network = tuned.base.network
    once = len(flatten(asked, shared=True))
    operations = once * forward_operations(network) + rows * vocabulary_operations(network)
    return Work(rows, sum(map(len, asked)), float(operations))


OURS = Side("ask")

PROMPTING = Workload(
    name="prompting",
    peer="transformers, each prompt alone",
    prepare=prepare,
    ours=OURS,
    theirs=Side("ask_alone"),
    beside=in_auto(OURS),
    wanted="4 x",
)
