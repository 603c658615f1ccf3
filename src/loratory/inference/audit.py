"""The data of a recipe as the base's tokenizer sees it, without loading any weights."""

from dataclasses import dataclass

from loratory.data.audit import Audit, audit
from loratory.inference.reading import reading_task
from loratory.inference.result import RunInput, token_lengths, warnings
from loratory.recipe.schema import NoMethod, PromptingMethod, Recipe
from loratory.tasks.given import given_rows


@dataclass(frozen=True)
class DataAudit:
    """What `loratory data check` shows, split by split."""

    rows: Audit
    sources: dict[str, str]
    tokens: dict[str, dict[str, float]]
    """Of the splits that the run reads as tokens: not of training rows where nothing trains."""

    truncated: dict[str, int]
    warnings: tuple[str, ...]


def audit_data(recipe: Recipe) -> DataAudit:
    """Read and encode the recipe's rows and count what a person should know of them.

    Raises:
        DataError: a row or the whole cannot be used.
        ConfigError: the method leaves the base no position for a text.
        ModelError, SecurityError: the adapter to begin with cannot be read or trusted.
    """
    recipe, dataset = given_rows(recipe)
    task = reading_task(recipe, dataset.examples)
    trains = not isinstance(recipe.method, NoMethod | PromptingMethod)
    encodings = {
        split: task.encode(rows)
        for split, rows in dataset.splits.items()
        if trains or split != "train"
    }
    return DataAudit(
        rows=audit(dataset),
        sources={split: source.description for split, source in dataset.sources.items()},
        tokens={split: token_lengths(found) for split, found in encodings.items()},
        truncated={split: found.truncated for split, found in encodings.items()},
        warnings=tuple(warnings(RunInput(dataset, encodings))),
    )
