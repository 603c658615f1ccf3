"""Rungs of the ladder beside each other: values with intervals, and paired differences."""

from collections.abc import Mapping, Sequence
from typing import Any

from loratory.export.rung import Rung
from loratory.metrics.mcnemar import mcnemar_p_value
from loratory.metrics.paired import paired_difference, resampled
from loratory.metrics.parts import clusters_of
from loratory.metrics.predictions import Prediction
from loratory.metrics.row_sums import row_sums
from loratory.recipe.schema import Recipe, task_labels

_PAIRS = tuple((f"{k}, trained for it", f"{k}, after training") for k in ("int8", "int4"))


def compared_rungs(
    recipe: Recipe, metric: str, rungs: Sequence[Rung], *, reference: str
) -> dict[str, Any]:
    """Return the metric, each rung as JSON, and the pairs of which one should not be worse.

    Each rung's difference is that to the rung called `reference`.
    """
    said = {rung.name: rung.predictions for rung in rungs if rung.predictions}
    pairs = [
        {"a": a, "b": b, **_difference(recipe, metric, said[a], said[b])}
        for a, b in _PAIRS
        if a in said and b in said
    ]
    return {
        "metric": metric,
        "rungs": [_rung(recipe, metric, rung, said[reference]) for rung in rungs],
        "pairs": pairs,
    }


def _rung(
    recipe: Recipe, metric: str, rung: Rung, reference: Sequence[Prediction]
) -> dict[str, Any]:
    found: dict[str, Any] = {"name": rung.name, "missing": rung.missing, **rung.cost}
    if rung.cost:
        found |= {"value": None, "interval": None, "certificate": rung.certificate}
    if rung.predictions:
        sums = row_sums(recipe.task, rung.predictions, labels=task_labels(recipe.task) or ())
        sample = resampled([sums[metric]], clusters_of(rung.predictions), entry=0)
        found |= {"value": sample.value, "interval": sample.interval}
        if rung.predictions is not reference:
            apart = _difference(recipe, metric, rung.predictions, reference)
            found |= {**apart, "difference_interval": apart["interval"]}
            found["interval"] = sample.interval
    return found


def _difference(
    recipe: Recipe, metric: str, first: Sequence[Prediction], second: Sequence[Prediction]
) -> Mapping[str, Any]:
    labels, clusters = task_labels(recipe.task) or (), clusters_of(first)
    one, other = (row_sums(recipe.task, lines, labels=labels)[metric] for lines in (first, second))
    samples = [resampled([sums], clusters, entry=place) for place, sums in enumerate((one, other))]
    found, test = paired_difference(*samples), "bootstrap"
    p_value = found.p_value
    apart = clusters.max() + 1 == len(first)
    if apart and one.outcomes is not None and other.outcomes is not None:
        p_value, test = mcnemar_p_value(one.outcomes, other.outcomes), "McNemar"
    return {
        "difference": found.value,
        "interval": found.interval,
        "p_value": p_value,
        "test": test,
    }
