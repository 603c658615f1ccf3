"""The table of training rows finds labels that were turned round."""

import csv
import random

import pytest
from sklearn.metrics import roc_auc_score

from loratory import pipeline
from loratory.data.rows import Answer, Dataset, QuestionRow
from loratory.inference.examples import keep_examples
from loratory.inference.result import RunInput
from loratory.metrics.examples import read_examples
from loratory.recipe.load import load_recipe
from loratory.recipe.task import SpanQATask
from loratory.runs.dynamics import DynamicsFile, RowState
from loratory.runs.folder import RunFolder

GOOD, BAD = ("lovely", "moving", "quiet", "charming"), ("dull", "thin", "lifeless", "cold")
ANSWERS = ("no", "yes")


@pytest.fixture(scope="module")
def flipped_run(gpt2_folder, tmp_path_factory):
    """Return the run of a learnable set, and the ids of the twentieth part whose label is wrong."""
    folder, rng = tmp_path_factory.mktemp("flipped"), random.Random(0)
    wrong = set(rng.sample(range(160), 8))
    lines = [
        f"{' '.join(rng.choices((BAD, GOOD)[n % 2], k=3))} {n},{ANSWERS[n % 2 ^ (n in wrong)]}"
        for n in range(160)
    ]
    (folder / "train.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    (folder / "r.yaml").write_text(
        f"base: {gpt2_folder}\ndata: {{train: train.csv}}\nmethod: {{r: 4}}\n"
        "training: {epochs: 3, batch_size: 8, learning_rate: 1.0e-2, precision: float32, "
        "device: cpu, threads: 1}\n"
    )
    recipe = load_recipe(folder / "r.yaml", {"data.train": str(folder / "train.csv")})
    return pipeline.train(recipe, out=folder / "run").path, {f"train/{n}" for n in wrong}


def test_turned_labels_are_found(flipped_run):
    run, wrong = flipped_run
    examples = read_examples(run / "examples.csv")
    assert [e.course.epochs for e in examples] == [3] * 160
    suspicion = [-e.course.confidence for e in examples]
    assert roc_auc_score([e.course.id in wrong for e in examples], suspicion) > 0.98
    suspects = {e.course.id for e in examples if e.course.region == "suspect"}
    assert len(suspects & wrong) >= 4
    assert len(suspects - wrong) <= 1


def test_each_row_stands_beside_its_text_and_label(flipped_run):
    run, _ = flipped_run
    with (run.parent / "train.csv").open() as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    for example in read_examples(run / "examples.csv"):
        number = int(example.course.id.removeprefix("train/"))
        assert (example.text, example.label) == rows[number]


def test_a_question_stands_beside_its_first_answer(tmp_path):
    rows = (
        QuestionRow("a", "Who?", "Ann and Bo", (Answer("Ann", 0), Answer("Bo", 8)), "f:1"),
        QuestionRow("b", "When?", "Ann and Bo", (), "f:2"),
    )
    given = RunInput(Dataset((), {"train": rows}, {}), {})
    folder = RunFolder(tmp_path)
    keep_examples(given, folder, SpanQATask())
    assert not folder.examples.exists()
    with DynamicsFile(folder.dynamics, after=0) as file:
        file.write(
            1, 1, [RowState("a", 1.0, 0.4, right=False), RowState("b", 2.0, 0.1, right=False)]
        )
    keep_examples(given, folder, SpanQATask())
    said = [(e.text, e.label) for e in read_examples(folder.examples)]
    assert said == [("When?", "no answer"), ("Who?", "Ann")]
