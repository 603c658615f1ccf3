"""Reads a run folder for its report. What is absent or damaged is named on the page.

A report is written at the end of a run, but also for one that was interrupted: no single file of
the folder is needed, and none that cannot be read stops the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from loratory.errors import LoratoryError, RunError
from loratory.metrics.examples import read_examples
from loratory.metrics.predictions import read_predictions
from loratory.report.record import RunRecord, RunResult
from loratory.runs.json_files import read_json
from loratory.runs.log import read_events

_FILES = ("recipe.yaml", "environment.json", "log.jsonl", "result.json")

_Content = TypeVar("_Content")


def read_run(run_dir: Path) -> RunRecord:
    """Return what a run folder holds.

    Raises:
        RunError: the folder is not there, or holds none of a run's files (RUN-FOLDER).
    """
    if not any((run_dir / name).is_file() for name in _FILES):
        raise RunError(
            "RUN-FOLDER",
            "this is not a run folder",
            at=str(run_dir),
            expected=f"one with {', '.join(_FILES)}",
            fix="give the folder that `loratory train` wrote, such as runs/NAME-DATE-TIME",
        )
    folder = _Folder(run_dir)
    text = folder.read("recipe.yaml", _text, without="the settings are not known") or ""
    recipe = folder.read("recipe.yaml", _settings) if text else None
    result = folder.read("result.json", _result, without="the run has not come to its end")
    environment = folder.read(
        "environment.json", _object, without="versions and machine are not known"
    )
    events = folder.read("log.jsonl", read_events, without="there are no training curves")
    predictions = {
        path.stem: folder.read(f"predictions/{path.name}", read_predictions)
        for path in sorted((run_dir / "predictions").glob("*.jsonl"))
    }
    # A run whose loss says nothing of rows has none.
    kept = (run_dir / "examples.csv").is_file()
    examples = folder.read("examples.csv", read_examples) if kept else None
    return RunRecord(
        name=run_dir.resolve().name,
        folder=run_dir,
        recipe=recipe or {},
        recipe_text=text,
        environment=environment or {},
        events=events or [],
        result=result or RunResult(),
        predictions={split: lines for split, lines in predictions.items() if lines},
        problems=tuple(folder.problems),
        examples=examples or (),
    )


@dataclass
class _Folder:
    """A run folder, and what could not be read of it."""

    path: Path
    problems: list[str] = field(default_factory=list)

    def read(
        self, name: str, reader: Callable[[Path], _Content], *, without: str = ""
    ) -> _Content | None:
        """Return what `reader` makes of a file, or None and note why."""
        path = self.path / name
        if not path.is_file():
            self.problems.append(f"{name} is not there: {without}.")
            return None
        try:
            return reader(path)
        except (LoratoryError, YAMLError, ValueError, OSError) as error:
            self.problems.append(f"{name} cannot be read: {_reason(error)}.")
            return None


def _reason(error: Exception) -> str:
    """Return what is wrong in one line, without the folder's place on this machine."""
    if isinstance(error, LoratoryError):
        return f"{error.problem} at {Path(error.at).name}" if error.at else error.problem
    return " ".join(str(error).split())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _settings(path: Path) -> dict[str, Any]:
    settings = YAML(typ="safe", pure=True).load(_text(path))
    if not isinstance(settings, dict):
        raise ValueError("it holds no settings")
    return settings


def _object(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError("it holds no object")
    return value


def _result(path: Path) -> RunResult:
    return RunResult.model_validate(_object(path))
