"""Every shipped recipe, for a few steps, on a base of a test's size and rows of its own form."""

import json
import re

import pytest

import loratory
from loratory.methods.targets import target_names
from loratory.models.load import load_base
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import LoraMethod, PeftMethod, RecurrentBase
from loratory.recipe.shipped import shipped_recipes

RECIPES = sorted(name for name in shipped_recipes() if not name.startswith("sweeps/"))
TUNING = [name for name in RECIPES if isinstance(load_recipe(name).method, LoraMethod)]
# Another run of the same shape is among the quick ones.
SLOW = re.compile(
    r"/(rslora|dora|loraplus|pissa|houlsby|instruction-(?!full)|rotten_tomatoes-r1(6-alpha256|28)|squad-gpt2-r8|.+-medium)"
)
EACH = [
    pytest.param(name, marks=pytest.mark.slow) if SLOW.search(name) else name for name in RECIPES
]
QUICK = {
    "training.epochs": 1,
    "training.device": "cpu",
    "training.threads": 1,
    "training.precision": "float32",
    "training.batch_size": 4,
    "data.limit": {"train": 16, "validation": 6},
    "data.max_bad_rows": 0,
}


def overrides(name, base, rows):
    """Return what makes a run of the recipe small: a tiny base, a few rows, one epoch."""
    recipe = load_recipe(name)
    small = QUICK | {"base": str(base)}
    if isinstance(recipe.base, RecurrentBase):
        small = QUICK | {"base.tokenizer": str(base), "base.hidden_size": 8}
    if recipe.data.name is None:
        small |= {"data.train": str(rows / "texts.txt")}
        small["data.limit"] = {"train": 16}
    elif recipe.data.name == "word_problems":  # which is made, and not read
        small["data.limit"] = QUICK["data.limit"] | {"test": 4}
    else:
        small |= {"data.dir": str(rows)}
    if recipe.data.holdout.test is not None:
        small |= {"data.holdout.test": 6}
    if isinstance(recipe.method, LoraMethod):
        small |= {"method.r": min(recipe.method.r, 16)}
    if getattr(recipe.task, "unanswerable", False):
        small |= {"task.threshold_rows": 4}
    if recipe.task.kind in {"written_qa", "word_problem"}:
        small |= {"task.decoding.max_new_tokens": 4}
    return small


def after_a_run(recipe, base, rows, folder):
    """Return what puts a run before this one, where the recipe asks for one: teacher, or start."""
    if recipe.distillation is not None:
        teacher = loratory.train("cola", overrides("cola", base, rows), out=folder / "teacher")
        before = {"distillation.teacher": str(teacher.path)}
        if recipe.distillation.extra is not None:
            texts = folder / "texts.jsonl"
            texts.write_text('{"text": "a sentence that a model wrote"}\n')
            before["distillation.extra"] = str(texts)
        return before
    if not isinstance(recipe.method, PeftMethod):
        return {}
    first = "film_reviews_sft"
    start = loratory.train(first, overrides(first, base, rows), out=folder / "start")
    pairs = folder / "pairs.jsonl"
    lines = [{"prompt": f"film {n} is", "chosen": " a joy", "rejected": " dull"} for n in range(20)]
    pairs.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    data = {"train": str(pairs), "holdout": {"validation": 4}}
    return {"method.folder": str(start.path / "adapter"), "data": data}


@pytest.mark.parametrize("name", EACH)
def test_a_recipe_runs_from_its_rows_to_its_report(name, roomy_folder, few_rows, tmp_path):
    recipe = load_recipe(name)
    small = overrides(name, roomy_folder, few_rows)
    before = after_a_run(recipe, roomy_folder, few_rows, tmp_path)
    if "data" in before:
        small = {key: value for key, value in small.items() if not key.startswith("data.")}
    run = loratory.train(name, small | before, out=tmp_path / "run")
    assert run.result["task"] == recipe.task.kind
    assert run.result["main_metric"] in run.metrics
    assert run.metrics.keys() == run.intervals.keys()
    assert run.result["stopped"] == "finished"
    names = [baseline["name"] for baseline in run.result["baselines"][run.result["split"]]]
    # What a reference says of pairs is read in any case.
    is_scored = recipe.training.score_untuned or recipe.task.kind == "preference"
    assert ("untuned base" in names) == is_scored
    assert (run.path / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("name", TUNING)
def test_targets_are_layers_in_every_block_of_both_layouts(name, base_folder):
    recipe = load_recipe(name)
    network = load_base(str(base_folder), language_head=False).network
    found = target_names(network, recipe.method.target_modules)
    blocks = [re.search(r"\.(\d+)\.", target)[1] for target in found]
    assert sorted(set(blocks)) == ["0", "1"]
    assert blocks.count("0") == blocks.count("1")


def test_the_highest_rank_leaves_out_the_narrow_keys_and_values(llama_folder):
    targets = load_recipe("published/rotten_tomatoes-r196").method.target_modules
    network = load_base(str(llama_folder), language_head=False).network
    ends = {name.rpartition(".")[2] for name in target_names(network, targets)}
    assert ends == {"q_proj", "o_proj"}
