"""The data of a recipe as the base's tokenizer sees it, without loading any weights."""

from dataclasses import dataclass

from loratory.data.audit import Audit, audit
from loratory.inference.result import RunInput, token_lengths, warnings
from loratory.models.make import tokenizer_for
from loratory.recipe.schema import Recipe
from loratory.tasks.given import given_rows
from loratory.tasks.make import make_task


@dataclass(frozen=True)
class DataAudit:
    """What `loratory data check` shows, split by split."""

    rows: Audit
    sources: dict[str, str]
    tokens: dict[str, dict[str, float]]
    truncated: dict[str, int]
    warnings: tuple[str, ...]


def audit_data(recipe: Recipe) -> DataAudit:
    """Read and encode the recipe's rows and count what a person should know of them.

    Raises:
        DataError: a row or the whole cannot be used.
    """
    recipe, dataset = given_rows(recipe)
    tokenizer, positions = tokenizer_for(recipe.base)
    task = make_task(recipe.task, tokenizer=tokenizer, positions=positions)
    encodings = {split: task.encode(rows) for split, rows in dataset.splits.items()}
    return DataAudit(
        rows=audit(dataset),
        sources={split: source.description for split, source in dataset.sources.items()},
        tokens={split: token_lengths(found) for split, found in encodings.items()},
        truncated={split: found.truncated for split, found in encodings.items()},
        warnings=tuple(warnings(RunInput(dataset, encodings))),
    )
