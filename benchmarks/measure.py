"""A workload, measured: what the sides compute is compared first, then they take turns.

In each repetition every side does the job once, in an order that turns round from one to the next.
Ratios are those within a repetition; reported are medians, with the lowest and the highest.
"""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from benchmarks.limit import Work, multiplication_rate
from benchmarks.processes import Open, process
from benchmarks.workload import OURS, PEER, Options, Side, Workload
from loratory.errors import NumericsError
from loratory.runs.environment import usable_cores

Answers = dict[str, list[dict[str, Any]]]


def measured(
    workload: Workload, options: Options, *, precision: str = "float32", open_side: Open = process
) -> dict[str, Any]:
    """Return what latest.json says of the workload.

    `precision` is what `auto` means here.

    Raises:
        NumericsError: the sides do not compute the same (BENCH-DIFFERS); nothing was timed.
    """
    folder = options.scratch / workload.name
    folder.mkdir()
    torch.set_num_threads(usable_cores())
    work = workload.prepare(folder, options)
    sides = workload.sides(precision)
    difference = compared(workload, folder, open_side)
    limits, answers = _timed(sides, folder, options.repeat, open_side)
    return {
        **_summary(work, answers, statistics.median(limits)),
        "peer": workload.peer,
        "wanted": workload.wanted,
        "rows": work.rows,
        "tokens": work.tokens,
        "repetitions": options.repeat,
        "checked_difference": difference,
    }


def compared(workload: Workload, folder: Path, open_side: Open) -> float:
    """Return by how much the sides differ in what they compute of the first rows.

    Raises:
        NumericsError: by more than the workload allows (BENCH-DIFFERS).
    """
    found = []
    for side in (workload.ours, workload.theirs):
        with open_side(side) as ask:
            found.append(ask("check", folder)["checked"])
    differences = [abs(one - other) for one, other in zip(*found, strict=True)]
    # Each alone: what is no number is above nothing, and `max` may pass over it.
    if not all(difference <= workload.tolerance for difference in differences):
        raise NumericsError(
            "BENCH-DIFFERS",
            "the two sides do not compute the same, so nothing is timed",
            at=workload.name,
            got=differences,
            expected=f"at most {workload.tolerance:g}",
            fix="compare what they do with the first rows",
        )
    return float(max(differences))


def _timed(
    sides: Mapping[str, Side], folder: Path, repeat: int, open_side: Open
) -> tuple[list[float], Answers]:
    """Return the rates of large products, taken in between, and each side's answers."""
    limits: list[float] = []
    answers: Answers = defaultdict(list)
    with ExitStack() as stack:
        asks = {name: stack.enter_context(open_side(side)) for name, side in sides.items()}
        for repetition in range(repeat):
            for name in list(asks)[:: -1 if repetition % 2 else 1]:
                limits.append(multiplication_rate())
                answers[name].append(asks[name]("run", folder))
    return limits, answers


def _summary(work: Work, answers: Answers, limit: float) -> dict[str, Any]:
    sides = {name: _side(work, found, limit) for name, found in answers.items()}
    ours, peer = sides[OURS], sides[PEER]
    ratios = _ratios(answers[OURS], answers[PEER])
    found: dict[str, Any] = {
        "throughput_ratio": statistics.median(ratios),
        "throughput_ratio_spread": [min(ratios), max(ratios)],
        "memory_ratio": ours["peak_memory_mb"] / peer["peak_memory_mb"],
        "share_of_limit": ours["share_of_limit"],
        "limit_gflops": limit / 1e9,
        "sides": sides,
    }
    if "answers" in answers[OURS][0]:
        found["agreement"] = _agreement(answers[OURS][0]["answers"], answers[PEER][0]["answers"])
    for name in sides.keys() - {OURS, PEER}:
        beside = _ratios(answers[name], answers[PEER])
        sides[name]["throughput_ratio"] = statistics.median(beside)
    return found


def _side(work: Work, found: Sequence[Mapping[str, Any]], limit: float) -> dict[str, Any]:
    seconds = [answer["seconds"] for answer in found]
    middle = statistics.median(seconds)
    side = {
        "seconds": middle,
        "seconds_spread": [min(seconds), max(seconds)],
        "rows_per_second": work.rows / middle,
        "tokens_per_second": work.tokens / middle,
        # A process never says less than before: later ones also hold what was left over.
        "peak_memory_mb": found[0]["peak_memory_mb"],
        "share_of_limit": work.operations / middle / limit,
        "precision": found[0]["precision"],
    }
    if "mean_loss" in found[0]:
        side["mean_loss"] = found[0]["mean_loss"]
    return side


def _ratios(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return how many times as fast as the other the one is, in each repetition."""
    pairs = zip(one, other, strict=True)
    return [theirs["seconds"] / ours["seconds"] for ours, theirs in pairs]


def _agreement(one: Sequence[Any], other: Sequence[Any]) -> float:
    """Return the share of rows on which both give the same answer."""
    same = [bool(a == b) for a, b in zip(one, other, strict=True)]
    return sum(same) / len(same)
