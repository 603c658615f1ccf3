"""How many numbers a recipe's network has and how many train, before a weight is read."""

import torch

from loratory.methods.count import Counts, add_parts, count, parts_of
from loratory.methods.elsewhere import settled
from loratory.methods.make import make_method
from loratory.models.make import outline
from loratory.recipe.schema import ClassifyTask, Recipe
from loratory.tasks.given import given_rows
from loratory.tasks.make import make_task, reads_vocabulary


def recipe_counts(recipe: Recipe) -> Counts:
    """Count what `recipe` would train and what it would leave; the base may lack its weights.

    Rows are read only where a task has as many outputs as they have classes.

    Raises:
        LoratoryError: the base, the method or the task's rows cannot be used, as in training.
    """
    if isinstance(recipe.task, ClassifyTask) and recipe.task.labels is None:
        recipe, _ = given_rows(recipe)
    method = make_method(settled(recipe.method))
    base = outline(recipe.base, language_head=reads_vocabulary(recipe.task))
    parts, generator = parts_of(base.network), torch.Generator()
    method.apply(base, generator)
    add_parts(parts, base.network, "method")
    if recipe.task.head:
        task = make_task(recipe.task, tokenizer=base.tokenizer, positions=base.positions)
        task.attach(base.network, generator)
        add_parts(parts, base.network, "head")
    return count(base.network, parts)
