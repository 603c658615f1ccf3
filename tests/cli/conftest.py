"""Runs of the tasks that answer questions and that model plain text, made from the command line."""

import json

import pytest

from loratory import pipeline
from loratory.recipe.load import load_recipe

QUICK = {
    "training.batch_size": 4,
    "training.precision": "float32",
    "training.device": "cpu",
    "training.threads": 1,
}


def made(folder, base, splits, settings):
    """Return the folder of a run on `splits`, which are names of files."""
    recipe = folder / "small.yaml"
    lines = [f"  {split}: {folder / name}" for split, name in splits.items()]
    recipe.write_text("\n".join([f"base: {base}", "data:", *lines, ""]))
    return pipeline.train(load_recipe(recipe, QUICK | settings), out=folder / "run").path


@pytest.fixture(scope="session")
def question_run(gpt2_folder, tmp_path_factory):
    """Return a finished run of span_qa; its rows lie beside it, as train.json and test.json."""
    folder = tmp_path_factory.mktemp("questions")
    for split, count in {"train": 8, "test": 4}.items():
        paragraphs = []
        for number in range(count):
            context = f"Ada wrote {split} {number} in {1900 + number}."
            answer = {"text": str(1900 + number), "answer_start": context.index("19")}
            asked = {"id": f"{split}-{number}", "question": "When?", "answers": [answer]}
            paragraphs.append({"context": context, "qas": [asked]})
        articles = {"data": [{"title": split, "paragraphs": paragraphs}]}
        (folder / f"{split}.json").write_text(json.dumps(articles))
    splits = {split: f"{split}.json" for split in ("train", "test")}
    settings = {"task.kind": "span_qa", "task.max_length": 60, "task.stride": 8}
    return made(folder, gpt2_folder, splits, settings)


@pytest.fixture(scope="session")
def text_run(gpt2_folder, tmp_path_factory):
    """Return a finished run of plain text; its rows lie beside it."""
    folder = tmp_path_factory.mktemp("texts")
    for split, count in {"train": 8, "test": 3}.items():
        texts = [f"{split} {number}: quiet and lovely" for number in range(count)]
        (folder / f"{split}.txt").write_text("\n\n".join(texts) + "\n")
    splits = {split: f"{split}.txt" for split in ("train", "test")}
    return made(folder, gpt2_folder, splits, {"task.kind": "text"})
