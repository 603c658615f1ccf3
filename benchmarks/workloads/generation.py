"""Generation: 64 prompts, 32 new tokens after each, the likeliest one every time."""

import json
from pathlib import Path

from benchmarks.job import RECIPE
from benchmarks.limit import Work, forward_operations, vocabulary_operations
from benchmarks.sides.write import PROMPTS
from benchmarks.texts import sentences
from benchmarks.workload import Options, Side, Workload, in_auto
from loratory.models.load import load_base
from loratory.recipe.load import dump_recipe, recipe_for
from loratory.tasks.tokens import token_ids

ROWS, NEW_TOKENS = 64, 32


def prepare(folder: Path, options: Options) -> Work:
    """Write the prompts: sentences, as the base's tokenizer has them."""
    settings = ["training.precision=float32", "training.device=cpu"]
    recipe = recipe_for(options.base, "none", settings)
    (folder / RECIPE).write_text(dump_recipe(recipe), encoding="utf-8")
    base = load_base(options.base, language_head=True)
    texts = [row["text"] for row in sentences(options.rows_or(ROWS), real=not options.quick)]
    prompts = token_ids(base.tokenizer, texts)
    new = 4 if options.quick else NEW_TOKENS
    given = json.dumps({"prompts": prompts, "new_tokens": new})
    (folder / PROMPTS).write_text(given, encoding="utf-8")
    # The last token that is written is not read.
    read = sum(map(len, prompts)) + len(prompts) * (new - 1)
    written = len(prompts) * new
    operations = read * forward_operations(base.network)
    operations += written * vocabulary_operations(base.network)
    return Work(len(prompts), written, float(operations))


OURS = Side("write")

GENERATION = Workload(
    name="generation",
    peer="model.generate",
    prepare=prepare,
    ours=OURS,
    theirs=Side("generate"),
    beside=in_auto(OURS),
    wanted="1.3 x",
)
