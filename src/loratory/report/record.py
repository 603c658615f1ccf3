"""What a report knows of a run: the parts of its folder, as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator

from loratory.data.audit import SplitAudit
from loratory.metrics.examples import Example
from loratory.metrics.predictions import Prediction
from loratory.recipe.schema import TASKS, Reads, TaskSection

UNTUNED = "untuned base"
"""The baseline that is the base itself, scored in the same way before training."""

ASIDE = "threshold"
"""The split of training rows kept aside, on which something was chosen after training."""

_HEADLINE_SPLITS = ("test", "validation")
_MAIN_METRICS = ("accuracy", "f1", "perplexity")  # of each task that reports it, the main one

Event = dict[str, Any]
Interval = tuple[float, float]


def _without_nulls(values: Any) -> Any:
    """Leave out the numbers that were not finite, which JSON holds as null."""
    if not isinstance(values, dict):
        return values
    return {name: value for name, value in values.items() if value is not None}


Metrics = Annotated[dict[str, float], BeforeValidator(_without_nulls)]
Intervals = Annotated[dict[str, Interval], BeforeValidator(_without_nulls)]


class Scores(BaseModel, frozen=True):
    """Metrics on one split, and their 95 % intervals where they were computed."""

    metrics: Metrics = {}
    intervals: Intervals = {}


class Evaluation(Scores, frozen=True):
    """The scores of the tuned model on one split."""

    rows: int | None = None
    loss: float | None = None


class BaselineScores(Scores, frozen=True):
    """The scores of a baseline on one split."""

    name: str


class TokenLengths(BaseModel, frozen=True):
    """How many tokens the texts of a split have."""

    min: float
    median: float
    p95: float
    max: float


class DataAudit(BaseModel, frozen=True):
    """What the rows look like, split by split: `loratory.data.audit`, in numbers alone."""

    splits: dict[str, SplitAudit]
    shared: dict[str, int]
    """By the names of two splits, with a comma between them."""

    conflicts: int


class RunResult(BaseModel, frozen=True):
    """What the page needs of `result.json`; None and empty where it is not recorded."""

    metrics: Metrics = {}
    intervals: Intervals = {}
    seconds: float | None = None
    teacher_seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_mb: float | None = None
    peak_gpu_memory_mb: float | None = None
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    adapter_bytes: int | None = None
    split: str | None = None
    selected_on: str | None = None
    rows: dict[str, int] = {}
    extra_rows: int = 0
    """Texts without labels that were learned from beside the training rows."""

    evaluation: dict[str, Evaluation] = {}
    baselines: dict[str, list[BaselineScores]] = {}
    truncated: dict[str, int] = {}
    token_lengths: dict[str, TokenLengths] = {}
    train_tokens: int | None = None
    audit: DataAudit | None = None
    warnings: list[str] = []
    best_step: int | None = None
    steps: int | None = None
    stopped: str | None = None
    labels: list[str] = []
    base: str | None = None
    task: str | None = None
    main_metric: str | None = None
    settled: Metrics = {}
    """What was chosen after training, on the rows of the split `threshold`."""

    cut: dict[str, int] = {}
    """Answers that the length limit cut, by split."""

    windows: dict[str, int] = {}
    """Pieces that the rows of a split were read in."""

    score_rule: Literal["sum", "mean", "calibrated"] | None = None
    signature: str | None = None
    """How BLEU was computed."""


@dataclass(frozen=True)
class RunRecord:
    """Everything that a report says about a run comes from here."""

    name: str
    folder: Path
    """As a person gave it."""

    recipe: dict[str, Any]
    recipe_text: str
    environment: dict[str, Any]
    events: list[Event]
    """The log, attempts merged."""

    result: RunResult
    """Empty where the run has not come to its end."""

    predictions: dict[str, list[Prediction]]
    problems: tuple[str, ...]
    """One sentence for each file that is absent or cannot be read."""

    examples: Sequence[Example] = ()
    """How the training rows went, the most suspicious first; empty where that was not kept."""

    def events_of(self, kind: str) -> list[Event]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if event.get("event") == kind]

    @property
    def task(self) -> str:
        """The kind of task."""
        return self.result.task or str(self.setting("task", "kind") or "classify")

    @property
    def known_task(self) -> type[TaskSection] | None:
        """What is the same of every task of the kind; None of a kind that nobody knows."""
        return TASKS.get(self.task)

    @property
    def reads(self) -> Reads | None:
        """The kind of rows that the task is made of."""
        return self.known_task.reads if self.known_task else None

    @property
    def writes_answers(self) -> bool:
        """Whether questions are answered in words of the model's own, not pointed at by a head."""
        known = self.known_task
        return known is not None and known.reads == "questions" and not known.head

    @property
    def loss_unit(self) -> str:
        """What the loss is measured in; that of preferences may be no log-probability."""
        if self.task == "preference":
            return ""
        known = self.known_task
        return "nats per token" if known and known.loss_per_token else "nats"

    @property
    def loss_axis(self) -> str:
        """What a curve of the training loss shows."""
        learned_from_answers = self.loss_unit and not self.recipe.get("distillation")
        return f"cross-entropy ({self.loss_unit})" if learned_from_answers else "loss"

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end, and says so in a result."""
        return self.result != RunResult()

    @property
    def untrained(self) -> bool:
        """Whether the base answers as it is, nothing having been trained."""
        return self.result.steps == 0 or self.setting("method", "kind") in ("none", "prompting")

    @cached_property
    def evaluations(self) -> dict[str, Evaluation]:
        """The scores on each split: the result's, else the log's last ones without intervals."""
        if self.result.evaluation:
            return self.result.evaluation
        return {
            str(event.get("split")): Evaluation(
                metrics={
                    name.removeprefix("eval/"): value
                    for name, value in event.items()
                    if name.startswith("eval/") and name != "eval/loss"
                },
                loss=event.get("eval/loss"),
            )
            for event in self.events_of("evaluation")
            if event.get("split") != ASIDE
        }

    @property
    def split(self) -> str | None:
        """The split that the headline is about; None where nothing was evaluated."""
        known = [split for split in _HEADLINE_SPLITS if split in self.evaluations]
        return self.result.split or next(iter([*known, *self.evaluations]), None)

    @property
    def evaluation(self) -> Evaluation:
        """The scores on the headline's split, empty where nothing was evaluated."""
        return self.evaluations.get(self.split or "", Evaluation())

    @property
    def baselines(self) -> list[BaselineScores]:
        """The baselines on the headline's split."""
        return self.baselines_on(self.split or "")

    def baselines_on(self, split: str) -> list[BaselineScores]:
        """Return the baselines on a split; a base that was not tuned is none to itself."""
        return [
            baseline
            for baseline in self.result.baselines.get(split, [])
            if not (self.untrained and baseline.name == UNTUNED)
        ]

    @property
    def labels(self) -> list[str]:
        """The class names in the order of their numbers, empty where they are not known."""
        lines = self.predictions.get(self.split or "")
        if self.result.labels or not lines or self.reads != "labelled":
            return self.result.labels
        return list(lines[0].scores)

    @property
    def metric(self) -> str:
        """The metric that the headline is about: the one that chose the checkpoint."""
        scored = self.evaluation.metrics
        chosen = str(self.setting("training", "select"))
        wanted = (chosen, self.result.main_metric, *_MAIN_METRICS, *scored)
        return next((name for name in wanted if name in scored), "accuracy")

    @property
    def scored_apart(self) -> bool:
        """Whether exact match, F1 and BLEU are those of the answerable questions alone."""
        return self.writes_answers and "no_answer_accuracy" in self.evaluation.metrics

    def cost(self, name: str) -> float | None:
        """Return what the run took: `tokens` of all its steps, or what `result.json` names so."""
        if name != "tokens":
            return cast("float | None", getattr(self.result, name))
        steps = self.events_of("step")
        return sum(step["tokens"] for step in steps) if steps else None

    def setting(self, section: str, name: str) -> Any:
        """Return a setting of the recipe, None where it is absent."""
        settings = self.recipe.get(section)
        return settings.get(name) if isinstance(settings, dict) else None
