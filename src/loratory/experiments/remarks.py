"""What must be known before a comparison is believed: how the rows were used, what seeds tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from loratory.experiments.given_runs import GivenRun

_MANY = 3  # entries, from which the best is a choice among many


@dataclass(frozen=True)
class Drawn:
    """What the bootstrap draws."""

    clusters: int
    known: bool
    """They are more than single rows: the lines say which rows belong together."""


def remarks(entries: Sequence[Sequence[GivenRun]], split: str, drawn: Drawn) -> tuple[str, ...]:
    """Return the sentences that belong to the numbers, the weightiest first."""
    runs = [run for entry in entries for run in entry]
    found = [
        _selection(runs, split),
        _best(len(entries), split),
        _test(split),
        _seeds(entries),
        _rows(drawn),
        _paragraphs(runs, drawn),
        _machines(runs),
    ]
    return tuple(filter(None, found))


def _selection(runs: Sequence[GivenRun], split: str) -> str:
    chosen = sum(run.record.result.selected_on == split for run in runs)
    if not chosen:
        return ""
    of_them = "of every run" if chosen == len(runs) else f"of {chosen} of the {len(runs)} runs"
    return (
        f"The {split} rows also chose the checkpoint {of_them}, so the values are likely a little "
        "too good; rows that chose nothing, such as a test split, give ones without that."
    )


def _best(entries: int, split: str) -> str:
    """Say what being the best of many is worth; of test rows more is said."""
    if entries < _MANY or split == "test":
        return ""
    return (
        f"The best of {entries} is the best on these very {split} rows, and in part the luckiest: "
        "its value is likely too good, the more so the more were tried. How good it is, rows "
        "that chose nothing tell, such as a test split."
    )


def _test(split: str) -> str:
    if split != "test":
        return ""
    return (
        "These are the test rows. Whoever chooses a run by them has to find others to say how good "
        "it is: choose by --split validation, then look here once."
    )


def _seeds(entries: Sequence[Sequence[GivenRun]]) -> str:
    alone = sum(len(entry) == 1 for entry in entries)
    if not alone:
        return "Values are means over seeds, and the intervals include the seed."
    whose = "of every run" if alone == len(entries) else f"of {alone} of the {len(entries)} entries"
    return (
        f"One seed {whose}: what another seed would change is not in the interval, and a "
        "difference may be that of two seeds."
    )


def _rows(drawn: Drawn) -> str:
    if drawn.clusters > 1:
        return ""
    what = "paragraph" if drawn.known else "row"
    return f"A single {what} says nothing about others, so that no difference can be told."


def _paragraphs(runs: Sequence[GivenRun], drawn: Drawn) -> str:
    if drawn.known:
        return f"Questions on one paragraph were drawn together: {drawn.clusters:,} paragraphs."
    if runs[0].recipe.task.reads != "questions":
        return ""
    return (
        "The prediction lines do not say which questions share a paragraph, so each was drawn for "
        "itself and the intervals are a little too narrow; `loratory evaluate RUN` writes new ones."
    )


def _machines(runs: Sequence[GivenRun]) -> str:
    """Say where costs cannot be compared; what a folder does not tell is not held against it."""
    made = [run.record.environment for run in runs if run.record.environment]
    for what in ("processor", "gpu"):
        if len({str(environment.get(what)) for environment in made}) > 1:
            return f"The runs were not made on one {what}, so their seconds are not alike."
    threads = {str((environment.get("compute") or {}).get("threads")) for environment in made}
    if len(threads) > 1:
        return "The runs had different numbers of threads, so their seconds are not alike."
    return ""
