"""Finished runs of every kind of task and method, on both layouts, to be merged."""

import json
import shutil

import pytest

from loratory import pipeline
from loratory.recipe.load import load_recipe

ROWS = {"train": 12, "validation": 5, "test": 4}
TASKS = {
    "classify": ({"task.kind": "classify"}, ".csv"),
    "label_words": ({"task.kind": "label_words", "task.words": ["lovely", "dull"]}, ".csv"),
    "span_qa": ({"task.kind": "span_qa", "task.max_length": 60, "task.stride": 8}, ".json"),
    "written_qa": ({"task.kind": "written_qa", "task.decoding.max_new_tokens": 3}, ".json"),
    "text": ({"task.kind": "text", "task.max_length": 24}, ".txt"),
    "preference": ({"task.kind": "preference"}, ".jsonl"),
    "word_problem": (
        {"task.kind": "word_problem", "task.decoding.max_new_tokens": 6},
        "-problems.csv",
    ),
}
QUICK = {
    "training.epochs": 2,
    "training.batch_size": 6,
    "training.learning_rate": 0.01,
    "training.precision": "float32",
    "training.device": "cpu",
    "training.threads": 1,
}


@pytest.fixture(scope="session")
def data(films, tmp_path_factory):
    """Return a folder with small splits of every kind of rows."""
    folder = tmp_path_factory.mktemp("data")
    for split, count in ROWS.items():
        shutil.copy(films / f"{split}.csv", folder / f"{split}.csv")
        texts = [f"{split} {number}: quiet and lovely, " * 2 for number in range(count)]
        (folder / f"{split}.txt").write_text("\n\n".join(texts))
        paragraphs = []
        for number in range(count):
            context = f"Ada wrote {split} {number} in {1900 + number}."
            answer = {"text": str(1900 + number), "answer_start": context.index("19")}
            asked = {"id": f"{split}-{number}", "question": "When?", "answers": [answer]}
            paragraphs.append({"context": context, "qas": [asked]})
        pairs = [
            {
                "prompt": f"{split} {number} is",
                "chosen": " quiet, lovely",
                "rejected": " far too long",
            }
            for number in range(count)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, pairs)))
        problems = [f"{split}: {n} and {n}?,{2 * n},{n} + {n} = {2 * n}" for n in range(count)]
        (folder / f"{split}-problems.csv").write_text(
            "\n".join(["problem,answer,solution", *problems])
        )
        articles = {"data": [{"title": split, "paragraphs": paragraphs}]}
        (folder / f"{split}.json").write_text(json.dumps(articles))
    return folder


@pytest.fixture(scope="session")
def run_of(data, tmp_path_factory):
    """Return a function from a base, a task's name and settings to a finished run, made once."""
    runs = {}

    def run(base, name="classify", **settings):
        key = (base, name, *sorted(settings.items()))
        if key not in runs:
            task, ending = TASKS[name]
            recipe = tmp_path_factory.mktemp("recipe") / "small.yaml"
            splits = "\n".join(f"  {split}: {data / (split + ending)}" for split in ROWS)
            recipe.write_text(f"base: {base}\ndata:\n{splits}\n")
            out = tmp_path_factory.mktemp("run") / "run"
            pipeline.train(load_recipe(recipe, {**QUICK, **task, **settings}), out=out)
            runs[key] = out
        return runs[key]

    return run
