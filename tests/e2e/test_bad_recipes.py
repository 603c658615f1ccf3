"""Recipes and overrides that describe no run: one line, the place, the fix, and nothing written."""

import json
import os
import time

import pytest

BASE = "base: {base}\ndata: {{train: {films}/train.csv}}\n"
BOMB = "".join(
    f"b{level}: &b{level} [{', '.join([f'*b{level - 1}'] * 9)}]\n" for level in range(1, 9)
)

# What is wrong, what a recipe says besides base and data, the code, and what the message names.
RECIPES = [
    ("not a number", "training: {learning_rate: 1e-4x}", "CFG-TYPE", "3 training.learning_rate"),
    ("a key twice", "seed: 1\nname: a\nseed: 2", "CFG-DUP", "seed is given at lines 3 and 5"),
    ("not finite", "training: {learning_rate: .nan}", "CFG-RANGE", "learning_rate, got nan"),
    ("infinite", "training: {learning_rate: .inf}", "CFG-RANGE", "learning_rate, got inf"),
    ("a typing error", "training: {learing_rate: 1}", "CFG-UNKNOWN", "3 training.learing_rate"),
    ("a peft name", "method: {rank: 8}", "CFG-UNKNOWN", "3 method.rank"),
    ("a trainer's name", "training: {num_train_epochs: 2}", "CFG-UNKNOWN", "num_train_epochs"),
    ("a boolean label", "task: {labels: [false, 'true']}", "CFG-TYPE", "3 task.labels[0], got a b"),
    ("a label twice", "task: {labels: [a, 'a ']}", "CFG-RANGE", "task.labels"),
    ("no row at once", "training: {batch_size: 0}", "CFG-RANGE", "training.batch_size, got 0"),
    ("fewer than none", "training: {batch_size: -1}", "CFG-RANGE", "batch_size, got -1"),
    ("half a row", "training: {batch_size: 2.5}", "CFG-RANGE", "batch_size, got 2.5"),
    ("true rows", "training: {batch_size: true}", "CFG-RANGE", "batch_size, got a boolean (true)"),
    ("rank none", "method: {r: 0}", "CFG-RANGE", "3 method.r, got 0"),
    ("rank above the layers", "method: {r: 17}", "CFG-RANGE", "method.r, got 17, expected 1…16"),
    ("no such layer", "method: {target_modules: [q_proj]}", "CFG-TARGET", "c_attn, c_fc, c_proj"),
    ("no pattern", "method: {target_modules: '('}", "CFG-TARGET", "method.target_modules"),
    ("dropout of all", "method: {lora_dropout: 1.0}", "CFG-RANGE", "method.lora_dropout"),
    ("texts too long", "task: {max_length: 4096}", "CFG-RANGE", "task.max_length, got 4096"),
    ("no such metric", "training: {select: bleu}", "CFG-UNKNOWN", "training.select, got 'bleu'"),
    ("nothing to select on", "training: {select: f1}", "CFG-VALUE", "training.select"),
    ("nothing to wait for", "training: {patience: 2}", "CFG-VALUE", "training.patience"),
    ("no such schedule", "training: {schedule: cubic}", "CFG-RANGE", "training.schedule"),
    ("no such method", "method: {kind: lorra}", "CFG-RANGE", "method.kind"),
    (
        "no such task",
        "task: {kind: spanqa}",
        "CFG-RANGE",
        "3 task.kind, got 'spanqa', expected one",
    ),
    (
        "a kind without quotes",
        "task: {kind: true}",
        "CFG-TYPE",
        "3 task.kind, got a boolean (true)",
    ),
    ("no section", "task: span_qa", "CFG-TYPE", "3 task, got 'span_qa', expected a section"),
    ("a key of another task", "task: {kind: text, labels: [a, b]}", "CFG-UNKNOWN", "3 task.labels"),
    ("windows that stand", "task: {kind: span_qa, stride: 384}", "CFG-RANGE", "stride (384) must"),
    ("aliases within aliases", f"b0: &b0 [a, a]\n{BOMB}", "CFG-SIZE", "aliases"),
    ("a deep nest", "a: " + "[" * 200 + "]" * 200, "CFG-SIZE", "too deep"),
    ("a name that leaves", "name: ../../etc", "CFG-RANGE", "3 name"),
    ("a tag", "a: !!python/object:os.system {}", "CFG-TYPE", "3"),
]

OVERRIDES = [
    ("training.batch_size=0", "CFG-RANGE", "command line: training.batch_size"),
    ("training.batchsize=4", "CFG-UNKNOWN", "command line: training.batchsize"),
    ("training.learning_rate=fast", "CFG-TYPE", "command line: training.learning_rate"),
    ("training.epochs", "CFG-SYNTAX", "training.epochs"),
    ("seed.a=1", "CFG-TYPE", "seed"),
    ("task.kind=spanqa", "CFG-RANGE", "command line: task.kind"),
    ("task.stride=64", "CFG-UNKNOWN", "command line: task.stride"),
]


@pytest.fixture
def recipe(tmp_path, gpt2_folder, films):
    """Return a function that writes a recipe with the given lines below base and data."""

    def write(lines):
        path = tmp_path / "recipe.yaml"
        path.write_text(BASE.format(base=gpt2_folder, films=films) + lines + "\n")
        return path

    return write


@pytest.mark.parametrize(
    ("lines", "code", "named"), [r[1:] for r in RECIPES], ids=[r[0] for r in RECIPES]
)
def test_a_wrong_recipe_is_refused(refused, recipe, lines, code, named):
    found = refused("train", recipe(lines))
    assert (found.exit_code, found.code) == (2, code)
    assert named in found.headline


@pytest.mark.parametrize(("override", "code", "named"), OVERRIDES)
def test_a_wrong_override_is_refused(refused, recipe, override, code, named):
    found = refused("train", recipe(""), override)
    assert (found.exit_code, found.code) == (2, code)
    assert named in found.headline


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"seed": 1', '"seed": 1, "seed": 2', "CFG-DUP"),
        ('"seed": 1', '"training": {"learning_rate": NaN}', "CFG-RANGE"),
        ('"seed": 1', '"training": {"learning_rate": Infinity}', "CFG-RANGE"),
        ('"seed": 1', '"seed" 1', "CFG-SYNTAX"),
    ],
)
def test_a_wrong_recipe_in_json_is_refused(refused, tmp_path, old, new, code):
    text = json.dumps({"base": "gpt2", "data": {"train": "a.csv"}, "seed": 1})
    (tmp_path / "recipe.json").write_text(text.replace(old, new))
    found = refused("train", "recipe.json")
    assert (found.exit_code, found.code) == (2, code)
    assert "recipe.json:1" in found.headline


@pytest.mark.parametrize("kind", ["folder", "pipe", "large", "missing"])
def test_what_is_no_recipe_file_is_refused(refused, tmp_path, kind):
    path = tmp_path / "recipe.yaml"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "large":
            path.write_text("# " + "x" * (1 << 20))
    found = refused("train", "recipe.yaml")
    assert (found.exit_code, found.code) == (2, "CFG-FILE")
    assert "recipe.yaml" in found.headline


def test_a_nest_of_thousands_is_refused_in_time(refused, recipe):
    path, start = recipe("a: " + "[" * 5000 + "]" * 5000), time.process_time()
    assert refused("train", path).code == "CFG-SIZE"
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "no recipe is named"),
        (("quickstart", "--resume", "run"), "its own recipe"),
        (("--resume", "run", "--out", "other"), "its own folder"),
    ],
)
def test_a_command_line_that_says_too_little_or_too_much_is_refused(refused, arguments, named):
    found = refused("train", *arguments)
    assert (found.exit_code, found.code) == (2, "CFG-USAGE")
    assert named in found.headline


def test_a_number_with_an_exponent_is_a_number(loratory, recipe, tmp_path):
    path = recipe("training: {learning_rate: 1e-4, threads: 1, device: cpu}")
    ran = loratory("train", path, "training.warmup=2e-1", "--out", tmp_path / "run")
    assert ran.code == 0
    resolved = (tmp_path / "run" / "recipe.yaml").read_text()
    assert "learning_rate: 0.0001\n" in resolved
    assert "warmup: 0.2\n" in resolved


def test_with_json_the_one_object_is_the_error(loratory, recipe):
    ran = loratory("train", recipe("seed: -1"), "--json")
    error = json.loads(ran.out)["error"]
    assert error["code"] == "CFG-RANGE"
    assert ran.err.splitlines() == [error["message"], f"fix: {error['fix']}"]
