"""Which runs are one entry, and what to call each: runs that differ in their seed alone are one."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from statistics import fmean
from typing import Any

from loratory.experiments.given_runs import GivenRun
from loratory.recipe.sweep import in_words
from loratory.report.comparison import COSTS

_LEAST_NAME = 3  # characters that names of several runs must begin with in common
_LONGEST_LABEL = 36


def grouped(runs: Sequence[GivenRun], *, each: bool) -> list[list[int]]:
    """Return the numbers of the runs of each entry, by seed; with `each`, every run is its own.

    Where files lie, who follows the run and what machine it had make no other entry of it.
    Runs of the same recipe with the same seed, too, stay apart: they say nothing of other seeds.
    """
    groups: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        key = str(number) if each else json.dumps(run.decisive, sort_keys=True)
        groups.setdefault(key, []).append(number)
    entries: list[list[int]] = []
    for group in groups.values():
        seeds = {runs[number].recipe.seed for number in group}
        if len(seeds) == len(group):
            entries.append(sorted(group, key=lambda number: runs[number].recipe.seed))
        else:
            entries += [[number] for number in group]
    return entries


def differing_settings(entries: Sequence[Sequence[GivenRun]]) -> list[dict[str, Any]]:
    """Return of each entry the settings in which any two differ; None for one that it lacks."""
    every = [runs[0].settings for runs in entries]
    keys = [key for settings in every for key in settings]
    differing = [
        key
        for key in dict.fromkeys(keys)
        if any(settings.get(key) != every[0].get(key) for settings in every)
    ]
    return [{key: settings.get(key) for key in differing} for settings in every]


def entry_name(runs: Sequence[GivenRun]) -> str:
    """Return the folder's name, or what the names of several folders begin with."""
    names = [run.record.name for run in runs]
    columns = takewhile(lambda letters: len({*letters}) == 1, zip(*names, strict=False))
    common = "".join(letters[0] for letters in columns).rstrip("-_. ")
    return common if len(common) >= _LEAST_NAME else names[0]


def entry_labels(settings: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Return a short text for each entry: its own settings, or its name; no two are the same."""
    labels = [
        in_words({key: value for key, value in own.items() if value is not None})
        for own in settings
    ]
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels) or _repeated(labels):
        labels = [*names]
    repeated = _repeated(labels)
    return [
        f"{label} ({number})" if label in repeated else label
        for number, label in enumerate(labels, start=1)
    ]


def mean_costs(runs: Sequence[GivenRun]) -> dict[str, float]:
    """Return what the runs took on average, as far as all of them say it."""
    found = {}
    for cost in COSTS:
        known = [value for run in runs if (value := run.record.cost(cost)) is not None]
        if len(known) == len(runs):
            found[cost] = fmean(known)
    return found


def _repeated(texts: Sequence[str]) -> set[str]:
    return {text for text, times in Counter(texts).items() if times > 1}
