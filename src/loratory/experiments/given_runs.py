"""The runs of a comparison as they are given: read, checked to be comparable, on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError, DataError, RunError
from loratory.experiments.sweep_folder import SweepFolder
from loratory.metrics.parts import RowSums
from loratory.metrics.predictions import Prediction
from loratory.metrics.row_sums import row_sums
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Recipe
from loratory.report.read import read_run
from loratory.report.record import RunRecord
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json

_SPLITS = ("test", "validation")
_SAYS_NOTHING = {"name", "seed", "sweep", "track"}
# Settings that a result does not depend on, but for the last bits of its numbers.
_ONLY_HOW = {
    "training.checkpoint_every",
    "training.device",
    "training.frozen_states",
    "training.micro_batch_tokens",
    "training.threads",
}
_ONLY_WHERE = {"data.dir", "data.train", "data.validation", "data.test"}
_PER_TOKEN = ("perplexity", "nats_per_token")


@dataclass(frozen=True)
class GivenRun:
    """A finished run, as its folder tells."""

    path: Path
    recipe: Recipe
    record: RunRecord

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting that says something of the run, by its key, such as `training.epochs`."""
        return _flat(self.recipe.model_dump(mode="json", exclude=_SAYS_NOTHING))

    @property
    def decisive(self) -> dict[str, Any]:
        """What runs that are seeds of one entry have in common.

        The rows are known by their digests; where the folder has none, by their files.
        """
        digests = self.record.environment.get("digests") or {}
        rows = {name: digest for name, digest in digests.items() if name.endswith(" data")}
        left_out = _ONLY_HOW | (_ONLY_WHERE if rows else set())
        return {key: value for key, value in self.settings.items() if key not in left_out} | rows


def given_runs(paths: Sequence[str | Path]) -> list[GivenRun]:
    """Return the runs in these folders; that of a sweep stands for its finished trials.

    Raises:
        ConfigError: there are none, or one is named twice (CFG-USAGE).
        RunError: a folder is no run (RUN-FOLDER), it has not finished (RUN-UNFINISHED), or the runs
            do different tasks (RUN-MISMATCH).
    """
    folders = [run for path in paths for run in _runs_in(Path(path))]
    if not folders:
        raise ConfigError(
            "CFG-USAGE", "no run is named", at="command line", fix="give the folders of runs"
        )
    places = [folder.resolve() for folder in folders]
    twice = [path for path, place in zip(folders, places, strict=True) if places.count(place) > 1]
    if twice:
        raise ConfigError(
            "CFG-USAGE",
            "a run is named twice",
            at=" and ".join(map(str, twice[:2])),
            fix="name each run once",
        )
    runs = [_given_run(folder) for folder in folders]
    for run in runs[1:]:
        _check_task(runs[0], run)
    return runs


def _runs_in(folder: Path) -> list[Path]:
    """Return the finished trials of a sweep; any other folder is to be a run itself."""
    sweep = SweepFolder(folder)
    if not sweep.recipe.is_file():
        return [folder]
    runs = sorted(run for run in sweep.trials.glob("*") if RunFolder(run).result.is_file())
    if not runs:
        raise RunError(
            "RUN-UNFINISHED",
            "no trial of the sweep has finished",
            at=str(folder),
            fix=f"go on with it: `loratory sweep --resume {folder}`, or leave it out",
        )
    return runs


def common_split(runs: Sequence[GivenRun], split: str | None) -> str:
    """Return the split to compare on: the one asked for, else test, else validation.

    Raises:
        DataError: a run has no predictions on it, or there is none that all have (DATA-SPLIT).
    """
    wanted = _SPLITS if split is None else (split,)
    for name in wanted:
        if all(name in run.record.predictions for run in runs):
            return name
    lacking = next(run for run in runs if wanted[-1] not in run.record.predictions)
    problem = next(
        (text for text in lacking.record.problems if f"/{wanted[-1]}.jsonl" in text),
        f"the run has no predictions on {wanted[-1]}",
    )
    raise DataError(
        "DATA-SPLIT",
        problem.removesuffix("."),
        at=str(lacking.path),
        expected=" or ".join(lacking.record.predictions) or None,
        fix=f"make them with `loratory evaluate {lacking.path} --split {wanted[-1]}`",
    )


def common_metric(runs: Sequence[GivenRun], metric: str | None) -> str:
    """Return the metric to compare by: the one asked for, else that of most runs."""
    if metric is not None:
        return metric
    names = [run.record.result.main_metric or run.record.metric for run in runs]
    return max(names, key=names.count)


def same_rows(runs: Sequence[GivenRun], split: str) -> list[list[Prediction]]:
    """Return the prediction lines of each run, in the order of the first one's.

    Raises:
        RunError: the rows are not the same ones, with the same right answers (RUN-MISMATCH).
    """
    first = runs[0].record.predictions[split]
    ordered = [first]
    for run in runs[1:]:
        by_id = {line.id: line for line in run.record.predictions[split]}
        for line in first:
            other = by_id.get(line.id)
            if other is None:
                raise _other_rows(runs[0], run, split, f"only the first has row {line.id}")
            if (other.text, other.target) != (line.text, line.target):
                raise _other_rows(runs[0], run, split, f"row {line.id} is not the same in both")
        if len(by_id) > len(first):
            extra = next(id_ for id_ in by_id if id_ not in {line.id for line in first})
            raise _other_rows(runs[0], run, split, f"only the second has row {extra}")
        ordered.append([by_id[line.id] for line in first])
    return ordered


def metric_sums(
    runs: Sequence[GivenRun], lines: Sequence[Sequence[Prediction]], metric: str
) -> list[RowSums]:
    """Return the metric of each run, row by row.

    Raises:
        ConfigError: a run has no such metric on these rows (CFG-UNKNOWN).
        RunError: it counts tokens, and the runs cut the texts into different ones (RUN-MISMATCH).
        DataError: a line cannot be scored.
    """
    found = []
    for run, own in zip(runs, lines, strict=True):
        sums = row_sums(run.recipe.task, own, labels=run.record.labels)
        if metric not in sums:
            raise ConfigError(
                "CFG-UNKNOWN",
                "the run has no such metric on these rows",
                at=str(run.path),
                got=metric,
                expected=" or ".join(sums),
                fix="name one of these with --metric",
            )
        found.append(sums[metric])
    if metric in _PER_TOKEN:
        _check_tokens(runs, lines, metric)
    return found


def _given_run(folder: Path) -> GivenRun:
    if not RunFolder(folder).result.is_file():
        _refuse_trial(folder)
    recipe = load_recipe(RunFolder.open(folder).recipe)
    record = read_run(folder)
    if not record.finished:
        raise RunError(
            "RUN-UNFINISHED",
            "the run has no result yet",
            at=str(folder),
            fix=f"finish it with `loratory train --resume {folder}`, or leave it out",
        )
    return GivenRun(folder, recipe, record)


def _refuse_trial(folder: Path) -> None:
    """Say what a trial without a result came to, if the folder is one: it is no run to finish."""
    run = folder.resolve()
    sweep = SweepFolder(run.parent.parent)
    if not sweep.recipe.is_file():
        return
    told = read_json(sweep.result)["trials"] if sweep.result.is_file() else []
    came_to = [trial["state"] for trial in told if (sweep.path / trial["run"]).name == run.name]
    raise RunError(
        "RUN-UNFINISHED",
        f"a trial of a sweep has no result: it is {came_to[0] if came_to else 'unfinished'}",
        at=str(folder),
        fix=f"leave it out, or name {sweep.path} in the place of its trials: that is those which "
        "finished",
    )


def _check_task(first: GivenRun, other: GivenRun) -> None:
    """Refuse runs whose scores mean different things."""
    one, another = first.recipe.task, other.recipe.task
    if one.kind != another.kind and not one.reads == another.reads == "labelled":
        raise _mismatch(
            first, other, "the runs do different tasks", got=another.kind, expected=one.kind
        )
    labels = [run.record.labels for run in (first, other)]
    if labels[0] != labels[1]:
        raise _mismatch(
            first,
            other,
            "the runs choose among different labels",
            got=", ".join(labels[1]),
            expected=", ".join(labels[0]),
        )


def _check_tokens(
    runs: Sequence[GivenRun], lines: Sequence[Sequence[Prediction]], metric: str
) -> None:
    counts = [[line.scores["tokens"] for line in own] for own in lines]
    for run, tokens in zip(runs, counts, strict=True):
        if tokens != counts[0]:
            raise RunError(
                "RUN-MISMATCH",
                f"{metric} is a number of tokens, and the two runs have different ones",
                at=f"{runs[0].path} and {run.path}",
                fix="compare them with --metric bits_per_byte",
            )


def _mismatch(
    first: GivenRun, other: GivenRun, problem: str, *, got: str, expected: str
) -> RunError:
    return RunError(
        "RUN-MISMATCH",
        problem,
        at=f"{first.path} and {other.path}",
        got=got,
        expected=expected,
        fix="compare runs of one task",
    )


def _other_rows(first: GivenRun, other: GivenRun, split: str, difference: str) -> RunError:
    return RunError(
        "RUN-MISMATCH",
        f"the {split} rows of the runs are not the same: {difference}",
        at=f"{first.path} and {other.path}",
        fix="compare runs on the same rows, or evaluate both on one file with `loratory evaluate "
        "RUN --file F` and compare them with --split file-F",
    )


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{before}{key}.")
        else:
            found[before + key] = value
    return found
