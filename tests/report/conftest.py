"""A small run folder: fifteen steps, three evaluations, forty answers, some of them nasty."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from loratory.metrics.baselines import classification_baselines
from loratory.metrics.evaluate import evaluate_classification
from loratory.metrics.predictions import Prediction, write_predictions
from loratory.report.read import read_run

LABELS = ["negative", "positive"]

RECIPE = """\
name: tiny
base: models/gpt2-tiny
task: {kind: classify, labels: [negative, positive]}
data: {name: rotten_tomatoes, limit: {train: 60}}
method: {kind: lora, r: 4, lora_alpha: 8.0, target_modules: [c_attn, c_proj]}
training: {epochs: 1, batch_size: 4, learning_rate: 0.0005, schedule: cosine, max_grad_norm: 1.0}
seed: 7
"""

# Position and text of the wrong answers; the later they come the surer the model was.
WRONG = {
    3: "a plain mistake",
    9: "<script>alert('x')</script> <img src=http://example.org/x.png>",
    17: "{{ 7 * 7 }} & {% raw %}",
    26: "W" + "o" * 900 + "w",
    33: "هذا فيلم رائع 🎬",
}


def predictions():
    lines = []
    for number in range(40):
        target = LABELS[number % 2]
        answer = LABELS[(number + (number in WRONG)) % 2]
        sure = 0.60 + number / 100
        lines.append(
            Prediction(
                id=f"validation/{number}",
                text=WRONG.get(number, f"text {number}"),
                target=target,
                prediction=answer,
                scores={label: sure if label == answer else 1 - sure for label in LABELS},
            )
        )
    return lines


def log(metrics):
    def line(event, **values):
        return {"event": event, "time": 1_768_392_153.0, "attempt": 1, **values}

    yield line("start", rows={"train": 60, "validation": 40}, steps=15, recipe="tiny")
    for step in range(1, 16):
        yield line(
            "step",
            step=step,
            epoch=step / 15,
            rows=4,
            tokens=80,
            seconds=0.5,
            **{
                "train/loss": 0.7 - step / 50,
                "train/learning_rate": 5e-4 * (1 - step / 15),
                "train/grad_norm": 2.0 / step,
                "train/grad_norm/layers 0-1": 1.5 / step,
                "train/grad_norm/head": 1.0 / step,
            },
        )
        if step % 5 == 0:
            scores = {f"eval/{name}": value * step / 15 for name, value in metrics.items()}
            yield line(
                "evaluation",
                step=step,
                split="validation",
                seconds=2.0,
                **{"eval/loss": 0.5},
                **scores,
            )
    yield line("stop", reason="finished", step=15)


def result(scores):
    train = [("good", 1), ("bad", 0), ("good fun", 1), ("bad luck", 0), ("good", 1)]
    baselines = classification_baselines(train, [("good", i % 2) for i in range(40)], LABELS)
    return {
        "run": "runs/tiny",
        "metrics": scores.metrics,
        "intervals": scores.intervals,
        "seconds": 222.4,
        "tokens_per_second": 412.7,
        "peak_memory_mb": 1103.6,
        "trainable_parameters": 2443,
        "total_parameters": 136958,
        "adapter_bytes": 9791240,
        "split": "validation",
        "rows": {"train": 60, "validation": 40},
        "selected_on": "validation",
        "evaluation": {
            "validation": {
                "metrics": scores.metrics,
                "intervals": scores.intervals,
                "rows": 40,
                "seconds": 2.0,
                "loss": 0.412,
            }
        },
        "baselines": {"validation": [asdict(baseline) for baseline in baselines]},
        "truncated": {"train": 2, "validation": 0},
        "token_lengths": {"train": {"min": 3, "median": 21, "p95": 44, "max": 77}},
        "train_tokens": 1200,
        "warnings": ["train.csv: 2 texts carry different labels"],
        "best_step": 15,
        "steps": 15,
        "stopped": "finished",
        "labels": LABELS,
        "base": "models/gpt2-tiny",
    }


@pytest.fixture(scope="session")
def complete_run(tmp_path_factory):
    """Return a run folder that lacks nothing; tests only read it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny-20260114-120233"
    lines = predictions()
    scores = evaluate_classification(lines, LABELS)
    write_predictions(folder / "predictions" / "validation.jsonl", lines)
    events = "".join(f"{json.dumps(event)}\n" for event in log(scores.metrics))
    (folder / "log.jsonl").write_text(events, encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "environment.json").write_text('{"torch": "2.13.0", "threads": 2}', encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result(scores)), encoding="utf-8")
    return folder


@pytest.fixture
def run_dir(complete_run, tmp_path):
    """Return a copy of the complete run folder, to be changed."""
    return Path(shutil.copytree(complete_run, tmp_path / complete_run.name))


@pytest.fixture
def record(complete_run):
    """Return what is read of the complete run folder."""
    return read_run(complete_run)


@pytest.fixture
def changed(record):
    """Return a function that gives the record with some values of its result changed."""

    def change(**values):
        return replace(record, result=record.result.model_copy(update=values))

    return change
