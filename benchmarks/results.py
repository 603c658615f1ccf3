"""`python -m benchmarks.results`: writes docs/results.md from the summaries in docs/runs/.

Runs that differ in nothing but the seed share a row: the mean over seeds, their spread, and the
95 % interval of each. `python -m benchmarks.keep RUN…` puts summaries there.
"""

import json
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import ladder
from benchmarks.certificates import section as certificates_section
from benchmarks.equal_footing import tables
from benchmarks.film_reviews_page import section as film_reviews
from benchmarks.int8_accuracy import section as int8_section
from benchmarks.keep import KEPT
from benchmarks.made_by import made_by
from benchmarks.prompting_table import section as prompting_section
from benchmarks.published import PUBLISHED
from benchmarks.searches import section as searches_section
from benchmarks.student import section as student_section
from benchmarks.sweeps import tables as sweep_tables
from loratory.runs.json_files import read_json

PAGE = KEPT.parent / "results.md"

SHOWN = {
    "classify": ("accuracy", "matthews_correlation"),
    "label_words": ("accuracy", "precision", "recall", "f1"),
    "span_qa": ("exact_match", "f1", "has_answer_f1", "no_answer_accuracy"),
    "written_qa": ("bleu_1", "exact_match", "f1", "false_no_answer", "no_answer_accuracy"),
    "text": ("perplexity", "bits_per_byte"),
    "word_problem": ("accuracy", "answered"),
    "preference": ("rewards/accuracies", "rewards/margins", "ranking_accuracy"),
}
"""The metrics of each task that the page shows, of those that a run has."""


_INTRODUCTION = """\
# Results

Written by `python -m benchmarks.results` from the summaries in [runs/](runs).
Of runs that differ in the seed alone a row has the mean ± the standard deviation over the seeds;
behind each seed stands its 95 % interval over the scored rows (percentile bootstrap; those of the
SQuAD runs drew each question by itself and are a little narrow: today questions on one paragraph
are drawn together). BLEU-1 goes
from 0 to 100 and perplexity from 1 upwards; all other metrics are shares of 1. A † marks rows on
which the best checkpoint was chosen as well. Baselines are scored on the same rows as the run.
Seconds are those of training; tokens are real ones. Published figures are others', from their own
rows, bases and settings: the phrase says what differs.

Beneath each pair of tables stands how each row was made: a recipe that comes with Loratory, and
what was changed of it. Seed, device, threads and micro-batches are left out. FOLDER held the
authors' files without the test rows; of SQuAD, both splits are of the development set, parted by
article (34 and 7 in v1.1, 21 and 7 in v2.0).
"""
_EQUAL = """\
Every method with the same rows, steps, batches and seeds, by
`python -m benchmarks.equal_footing data.dir=FOLDER` from [recipes/methods](../recipes/methods),
with the authors' files in FOLDER.
(Without it the 500 film reviews that are scored come out of the training rows, and CoLA from the
hub.) What each trains: [methods.md](methods.md). Each has one learning rate for both sets: a
usual one, or the best of three to five on other training rows of film reviews with one seed
(prompt, prefix, full). For bitfit, ia3 and lora a lower rate was taken: at the best one some
seeds diverged (lora fell to the majority class on CoLA). This was seen on the scored rows.
Several runs went side by side on the GPU, and other work beside them on the processor, so their
seconds compare with nothing.
"""
_SWEPT = """\
Each by `loratory sweep sweeps/NAME` from [recipes/sweeps](../recipes/sweeps), with fewer rows or
other changes as said beneath its name, and kept by `python -m benchmarks.sweeps SWEEP`. The best
checkpoint is that of the validation rows that it is scored on, the last one was not chosen. Points
with a letter in common cannot be told apart.
"""
_LADDER = """\
From the base down to int4, by `python -m benchmarks.ladder`: differences are paired, to the run in
float32, with McNemar's exact test. How each is made: [quantization.md](quantization.md).
"""
_PLAIN = {"bleu_1", "perplexity"}
_SCORES = (
    "recipe",
    "base",
    "rows trained on",
    "scored on",
    "metric",
    "mean",
    "each seed [95 % interval]",
    "baselines",
    "published",
)
_COSTS = (
    "recipe",
    "base",
    "rows trained on",
    "method",
    "trainable",
    "steps",
    "seconds",
    "tokens/s",
    "peak MB",
    "device",
    "precision",
    "processor",
)
_UNKNOWN = "not kept"
_NONE = "none"


@dataclass(frozen=True)
class KeptRun:
    """The summary of one run."""

    name: str
    """Of its recipe."""

    recipe: dict[str, Any]
    environment: dict[str, Any]
    result: dict[str, Any]

    @property
    def task(self) -> str:
        """The kind of its task."""
        return str(self.result.get("task", "classify"))

    @property
    def base(self) -> str:
        """The base's name."""
        return Path(self.result["base"]).name

    @property
    def compute(self) -> dict[str, Any]:
        """Device and precision."""
        found: dict[str, Any] = self.environment.get("compute", {})
        return found

    @property
    def group(self) -> str:
        """What runs that differ in the seed alone have in common."""
        recipe = {key: value for key, value in self.recipe.items() if key != "seed"}
        recipe["data"] = {k: v for k, v in recipe.get("data", {}).items() if k != "dir"}
        data = {k: v for k, v in self.environment.get("digests", {}).items() if k.endswith("data")}
        where = [self.compute.get(key) for key in ("device", "precision")]
        size = [self.result["rows"], self.result["split"], self.result["trainable_parameters"]]
        return json.dumps([self.name, self.base, recipe, data, where, size], sort_keys=True)


def read_runs(folder: Path = KEPT) -> list[KeptRun]:
    """Return the runs whose summaries are in `folder`; a bare result is named after its file."""
    runs = []
    for path in sorted(folder.glob("*.json")):
        found = read_json(path)
        if "result" in found:
            name = found["recipe"]["name"]
            runs.append(KeptRun(name, found["recipe"], found["environment"], found["result"]))
        else:
            runs.append(KeptRun(re.sub(r"-seed\d+$", "", path.stem), {}, {}, found))
    return runs


def page(runs: Sequence[KeptRun]) -> str:
    """Return the page: for each task a table of scores, one of costs, and how each row was made."""
    parts = [_INTRODUCTION]
    for task in SHOWN:
        groups: defaultdict[str, list[KeptRun]] = defaultdict(list)
        for run in runs:
            if run.task == task:
                groups[run.group].append(run)
        if groups:
            seeds = [sorted(group, key=lambda run: run.result["seed"]) for group in groups.values()]
            parts.append(f"## {task}\n\nWhat it does: [{task}](tasks/{task}.md).\n")
            parts.append(_table(_SCORES, [row for group in seeds for row in _scores(group)]))
            parts.append(_table(_COSTS, map(_costs, seeds)))
            made = (f"- {first.name}: by {made_by(first.recipe)}\n" for first, *_ in seeds)
            parts.append("".join(made))
    tabled = {
        f"## Methods on equal terms\n\n{_EQUAL}": tables(),
        f"## Sweeps\n\n{_SWEPT}": sweep_tables(),
        f"## What to ship\n\n{_LADDER}": ladder.tables(),
    }
    parts += [f"{about}\n{found}" for about, found in tabled.items() if found]
    sections = (
        searches_section(),
        int8_section(),
        film_reviews(),
        prompting_section(),
        student_section(),
        certificates_section(),
    )
    parts += filter(None, sections)
    return "\n".join(parts)


def _scores(group: Sequence[KeptRun]) -> list[list[str]]:
    """Return a row for each metric."""
    first = group[0]
    return [
        [
            *_what(first),
            _scored_on(first.result),
            metric,
            _mean([run.result["metrics"][metric] for run in group], metric),
            ", ".join(_seed(run.result, metric) for run in group),
            _baselines(first.result, metric),
            _published(first.name, metric),
        ]
        for metric in SHOWN[first.task]
        if metric in first.result["metrics"]
    ]


def _costs(group: Sequence[KeptRun]) -> list[str]:
    first, results = group[0], [run.result for run in group]
    speeds = [result["tokens_per_second"] for result in results if result["tokens_per_second"]]
    return [
        *_what(first),
        _method(first.recipe.get("method", {})),
        f"{first.result['trainable_parameters']:,}",
        f"{first.result['steps']:,}",
        f"{statistics.mean(result['seconds'] for result in results):,.0f}",
        f"{statistics.mean(speeds):,.0f}" if speeds else _NONE,
        f"{max(result['peak_memory_mb'] for result in results):,.0f}",
        first.compute.get("device", _UNKNOWN),
        first.compute.get("precision", _UNKNOWN),
        first.environment.get("processor", _UNKNOWN),
    ]


def _what(run: KeptRun) -> list[str]:
    return [run.name, run.base, f"{run.result['rows']['train']:,}"]


def _scored_on(result: dict[str, Any]) -> str:
    mark = "†" if result.get("selected_on") == result["split"] else ""
    return f"{result['rows'][result['split']]:,} {result['split']} rows{mark}"


def _mean(values: Sequence[float], metric: str) -> str:
    spread = f" ± {_value(statistics.stdev(values), metric)}" if len(values) > 1 else ""
    return f"{_value(statistics.mean(values), metric)}{spread}"


def _seed(result: dict[str, Any], metric: str) -> str:
    low, high = (_value(end, metric) for end in result["intervals"][metric])
    return f"{result['seed']}: {_value(result['metrics'][metric], metric)} [{low}, {high}]"


def _baselines(result: dict[str, Any], metric: str) -> str:
    found = [
        f"{baseline['name']} {_value(baseline['metrics'][metric], metric)}"
        for baseline in result["baselines"].get(result["split"], [])
        if metric in baseline["metrics"]
    ]
    return ", ".join(found) or _NONE


def _published(recipe: str, metric: str) -> str:
    figures = [figure for figure in PUBLISHED.get(recipe, ()) if figure.metric == metric]
    return "; ".join(f"{figure.value:.4g} ({figure.differs})" for figure in figures) or _NONE


def _method(section: dict[str, Any]) -> str:
    match section.get("kind"):
        case "lora":
            return f"LoRA r {section['r']}, alpha {section['lora_alpha']:g}"
        case None:
            return _UNKNOWN
        case kind:
            return str(kind)


def _value(value: float, metric: str) -> str:
    return f"{value:.2f}" if metric in _PLAIN else f"{value:.3f}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(read_runs()), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
