"""Finished runs as their folders look, made of simulated answers: what a comparison reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from loratory.metrics.evaluate import evaluate_classification
from loratory.metrics.predictions import Prediction, write_predictions

LABELS = ["negative", "positive"]

RECIPE = """\
name: {name}
base: tiny
task: {{kind: classify, labels: [negative, positive]}}
data: {{name: rotten_tomatoes, limit: {{train: 60}}}}
method: {{kind: lora, r: {r}}}
training: {{epochs: 1, learning_rate: {learning_rate}}}
seed: {seed}
"""


def answers(rows, accuracy, *, seed, split):
    """Return lines of which `accuracy` are right; the hard rows are hard for every run."""
    hard = np.random.default_rng(99).random(rows)
    own = np.random.default_rng(seed).normal(0, 0.05, size=rows)
    lines = []
    for number in range(rows):
        target = number % 2
        said = target if hard[number] + own[number] < accuracy else 1 - target
        scores = {label: 0.8 if LABELS.index(label) == said else 0.2 for label in LABELS}
        id_ = f"{split}/{number}"
        lines.append(Prediction(id_, f"text {number}", LABELS[target], LABELS[said], scores))
    return lines


def write_log(folder, steps, *, rate):
    def line(event, **values):
        return json.dumps({"event": event, "time": 1.0, "attempt": 1, **values}) + "\n"

    noise = np.random.default_rng(steps).normal(0, 0.08, size=steps + 1)
    lines = [line("start", rows={"train": 60}, steps=steps)]
    for step in range(1, steps + 1):
        loss = 0.2 + 0.5 * float(np.exp(-step * rate * 60)) + float(noise[step])
        lines.append(line("step", step=step, seconds=0.1, tokens=80, **{"train/loss": loss}))
        if step % 10 == 0:
            scores = {"eval/loss": loss + 0.1, "eval/accuracy": 0.9 - loss / 2}
            lines.append(line("evaluation", step=step, split="validation", **scores))
    (folder / "log.jsonl").write_text("".join(lines))


def maker(parent):
    """Return a function that writes the folder of a finished run, so many of its answers right."""

    def make(name, accuracy, *, seed=0, rows=200, splits=("validation", "test"), **settings):
        folder: Path = parent / name
        folder.mkdir()
        own = {"name": name, "r": 8, "learning_rate": 0.001, "seed": seed} | settings
        (folder / "recipe.yaml").write_text(RECIPE.format(**own))
        evaluation = {}
        for split in splits:
            lines = answers(rows, accuracy, seed=seed + round(1000 * accuracy), split=split)
            write_predictions(folder / "predictions" / f"{split}.jsonl", lines)
            scores = evaluate_classification(lines, LABELS)
            evaluation[split] = {"metrics": scores.metrics, "intervals": scores.intervals}
        result = {
            "metrics": evaluation[splits[-1]]["metrics"],
            "seconds": 10.0 * own["r"],
            "tokens_per_second": 400.0,
            "peak_memory_mb": 900.0,
            "trainable_parameters": 1000 * own["r"],
            "total_parameters": 10**6,
            "adapter_bytes": 4000 * own["r"],
            "split": splits[-1],
            "selected_on": "validation",
            "rows": {"train": 60, **dict.fromkeys(splits, rows)},
            "evaluation": evaluation,
            "truncated": {"train": 2},
            "warnings": ["train: 2 texts were cut at task.max_length"],
            "steps": 60,
            "labels": LABELS,
            "task": "classify",
            "main_metric": "accuracy",
        }
        (folder / "result.json").write_text(json.dumps(result))
        write_log(folder, 60, rate=own["learning_rate"])
        return folder

    return make


@pytest.fixture
def make_run(tmp_path):
    """Return `maker` of a folder of the test's own."""
    return maker(tmp_path)
