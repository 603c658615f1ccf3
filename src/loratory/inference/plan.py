"""The steps of a run, and what its log says first of them."""

from typing import Any

from loratory.inference.chosen import chosen
from loratory.inference.result import RunInput
from loratory.inference.tuned import Tuned
from loratory.methods.trained import parameter_counts, trained_parameters
from loratory.train.loop import Plan


def run_plan(tuned: Tuned, given: RunInput) -> Plan:
    """Return the steps; none where nothing trains."""
    trained = trained_parameters(tuned.base.network)
    return Plan(
        given.encodings["train"].rows if trained else (),
        tuned.recipe.training,
        tuned.recipe.seed,
        tuned.compute.micro_batch_tokens,
        {name: tuned.method.rate(name) for name in trained},
        given.learned_ids,
    )


def run_outline(tuned: Tuned, given: RunInput) -> dict[str, Any]:
    """Return what the log says first of a run."""
    trainable, total = parameter_counts(tuned.base.network)
    return {
        "recipe": tuned.recipe.name,
        "rows": {split: len(rows) for split, rows in given.dataset.splits.items()},
        "steps": run_plan(tuned, given).steps,
        "trainable_parameters": trainable,
        "total_parameters": total,
        "compute": chosen(tuned),
    }
