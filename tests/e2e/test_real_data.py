"""The shipped recipes on their authors' files, with a base of a test's size."""

import json

import pytest

from loratory.metrics.predictions import read_predictions

LIGHT = (
    "task.too_long=truncate",
    "training.threads=1",
    "training.device=cpu",
    "training.precision=float32",
    "training.epochs=1",
)
SETS = {
    "rotten_tomatoes": ("quickstart", ["negative", "positive"], {"train": 8530}),
    "cola": ("cola", ["unacceptable", "acceptable"], {"train": 8551, "validation": 527}),
    "query_wellformedness": (
        "query_wellformedness",
        ["ill-formed", "well-formed"],
        {"train": 17500, "validation": 3750},
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_a_shipped_recipe_finishes_on_real_rows(loratory, shared_data, gpt2_folder, tmp_path, name):
    recipe, labels, _ = SETS[name]
    out, limits = tmp_path / "run", ("data.limit.train=64", "data.limit.validation=32")
    own = [f"base={gpt2_folder}", f"data.dir={shared_data}", *LIGHT, *limits]
    held_out = ["data.limit.test=32", "data.holdout.test=40"] if name == "rotten_tomatoes" else []
    ran = loratory("train", recipe, *own, *held_out, "--out", out, "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert (result["labels"], result["rows"]["train"]) == (labels, 64)
    assert result["rows"]["validation"] == 32
    assert result["stopped"] == "finished"
    assert 0 <= result["metrics"]["accuracy"] <= 1
    assert (out / "report.html").stat().st_size > 10_000
    predictions = read_predictions(out / "predictions" / "validation.jsonl")
    assert {line.target for line in predictions} == set(labels)


@pytest.mark.parametrize("name", SETS)
def test_every_real_row_is_read(loratory, shared_data, gpt2_folder, name):
    recipe, labels, rows = SETS[name]
    settings = (
        f"base={gpt2_folder}",
        f"data.dir={shared_data}",
        "task.too_long=truncate",
        "data.limit.train=null",
    )
    without = ("data.holdout.test=null",) if name == "rotten_tomatoes" else ()
    ran = loratory("data", "check", recipe, *settings, *without, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)["splits"]
    assert {split: found[split]["rows"] for split in rows} == rows
    assert list(found["train"]["classes"]) == labels
    assert all(split["skipped"] == 0 for split in found.values())
