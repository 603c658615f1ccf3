"""Small run folders, one for each kind of task; that of the classifier has some nasty texts."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from loratory.metrics.baselines import classification_baselines
from loratory.metrics.evaluate import evaluate_classification
from loratory.metrics.language import evaluate_language
from loratory.metrics.predictions import Prediction, write_predictions
from loratory.metrics.questions import evaluate_questions
from loratory.metrics.written_answers import evaluate_written_answers
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
SPAN = "base: tiny\ntask: {kind: span_qa, unanswerable: true}\nmethod: {kind: full}\n"
WRITTEN = """\
base: tiny
task: {kind: written_qa, no_answer: unanswerable, decoding: {kind: greedy, max_new_tokens: 32}}
method: {kind: none}
training: {epochs: 1}
"""
TEXT = "base: tiny\ntask: {kind: text}\ndata: {train: book.txt}\nmethod: {kind: lora, r: 4}\n"

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


def log(metrics, steps):
    def line(event, **values):
        return {"event": event, "time": 1_768_392_153.0, "attempt": 1, **values}

    yield line("start", rows={"train": 60, "validation": 40}, steps=steps, recipe="tiny")
    for step in range(min(1, steps), steps + 1):
        values = {
            "train/loss": 0.7 - step / 50,
            "train/learning_rate": 5e-4 * (1 - step / 15),
            "train/grad_norm": 2.0 / max(step, 1),
            "train/grad_norm/layers 0-1": 1.5 / max(step, 1),
            "train/grad_norm/head": 1.0 / max(step, 1),
        }
        if step:
            yield line("step", step=step, epoch=step / 15, rows=4, tokens=80, seconds=0.5, **values)
        if step % 5 == 0:
            scores = {f"eval/{name}": value * max(step, 1) / 15 for name, value in metrics.items()}
            scores["eval/loss"] = 0.5
            yield line("evaluation", step=step, split="validation", seconds=2.0, **scores)
    yield line("stop", reason="finished", step=steps)


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


def span_predictions():
    """Return forty questions: every fourth unanswerable, of these every other seen to be so."""
    lines = []
    for number in range(40):
        right = () if number % 4 == 0 else ("the " + "red " * (number % 7) + "door", "door")
        none = 0.80 if number % 8 == 0 else 0.02 + number / 80
        said = "a window" if number % 5 == 0 else "red door" if number % 7 == 3 else "the door"
        scores = {said: (1 - none) * 0.9, "floor": (1 - none) * 0.1, "": none}
        answer = "" if none / (none + (1 - none) * 0.9) > 0.42 else said
        lines.append(Prediction(f"q{number}", f"What is it, {number}?", right, answer, scores))
    return lines


def written_predictions():
    """Return twelve questions: four unanswerable, two of these seen to be so."""
    said = ["Unanswerable.", "a door", "the red door", ""] * 3
    lines = []
    for number, text in enumerate(said):
        right = () if number % 3 == 0 else ("red door",)
        scores = {"log_probability": -number / 10, "cut": float(number == 5)}
        lines.append(Prediction(f"q{number}", f"What is it, {number}?", right, text, scores))
    return lines


def text_predictions():
    """Return twenty texts, the later the harder, and the earlier the longer."""
    return [
        Prediction(
            f"validation/{number}",
            f"<b>text</b> {number} " + "word " * 60,
            None,
            "",
            {
                "nats": (200 - 5 * number) * (1 + number / 10),
                "tokens": 200 - 5 * number,
                "bytes": 900,
            },
        )
        for number in range(20)
    ]


def write_run(folder, recipe, lines, scores, **changes):
    """Write a run folder of a task; what its result holds besides is in `changes`."""
    write_predictions(folder / "predictions" / "validation.jsonl", lines)
    held = {**result(scores), "rows": {"train": 60, "validation": len(lines)}, **changes}
    events = "".join(f"{json.dumps(event)}\n" for event in log(scores.metrics, held["steps"]))
    (folder / "log.jsonl").write_text(events, encoding="utf-8")
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    (folder / "environment.json").write_text('{"torch": "2.13.0", "threads": 2}', encoding="utf-8")
    held["evaluation"]["validation"]["rows"] = len(lines)
    (folder / "result.json").write_text(json.dumps(held), encoding="utf-8")
    return folder


def untuned(scores, factor):
    """Return the baseline that is the base before training, as a result holds it."""
    metrics = {name: value * factor for name, value in scores.metrics.items()}
    return {"name": "untuned base", "metrics": metrics, "intervals": {}}


@pytest.fixture(scope="session")
def complete_run(tmp_path_factory):
    """Return a run folder that lacks nothing; tests only read it."""
    lines = predictions()
    folder = tmp_path_factory.mktemp("runs") / "tiny-20260114-120233"
    return write_run(folder, RECIPE, lines, evaluate_classification(lines, LABELS))


@pytest.fixture(scope="session")
def span_run(tmp_path_factory):
    """Return the folder of a run that finds answers or says that there is none."""
    lines = span_predictions()
    return write_run(
        tmp_path_factory.mktemp("runs") / "span",
        SPAN,
        lines,
        evaluate_questions(lines, version="2.0"),
        task="span_qa",
        main_metric="f1",
        labels=[],
        baselines={},
        settled={"no_answer_threshold": 0.42},
        rows={"train": 60, "validation": 40, "threshold": 20},
        windows={"train": 75, "validation": 52, "threshold": 25},
    )


@pytest.fixture(scope="session")
def written_run(tmp_path_factory):
    """Return the folder of a run that writes answers with a base as it is: nothing is trained."""
    lines = written_predictions()
    scores = evaluate_written_answers(lines, phrase="unanswerable")
    return write_run(
        tmp_path_factory.mktemp("runs") / "written",
        WRITTEN,
        lines,
        scores,
        task="written_qa",
        main_metric="f1",
        labels=[],
        baselines={"validation": [untuned(scores, 1.0)]},
        cut={"validation": 1},
        signature=scores.signature,
        steps=0,
        best_step=0,
        selected_on=None,
        trainable_parameters=0,
        adapter_bytes=0,
    )


@pytest.fixture(scope="session")
def text_run(tmp_path_factory):
    """Return the folder of a run that models plain text."""
    lines = text_predictions()
    scores = evaluate_language(lines)
    return write_run(
        tmp_path_factory.mktemp("runs") / "text",
        TEXT,
        lines,
        scores,
        task="text",
        main_metric="perplexity",
        labels=[],
        baselines={"validation": [untuned(scores, 2.0)]},
    )


@pytest.fixture
def run_dir(complete_run, tmp_path):
    """Return a copy of the complete run folder, to be changed."""
    return Path(shutil.copytree(complete_run, tmp_path / complete_run.name))


@pytest.fixture
def record(complete_run):
    """Return what is read of the complete run folder."""
    return read_run(complete_run)


@pytest.fixture
def spans(span_run):
    """Return what is read of the run that finds answers."""
    return read_run(span_run)


@pytest.fixture
def written(written_run):
    """Return what is read of the run that writes answers."""
    return read_run(written_run)


@pytest.fixture
def texts(text_run):
    """Return what is read of the run that models text."""
    return read_run(text_run)


@pytest.fixture
def changed(record):
    """Return a function that gives the record with some values of its result changed."""

    def change(of=record, **values):
        return replace(of, result=of.result.model_copy(update=values))

    return change
