"""Loading recipes: names, files, overrides, round trips, and nothing but success or refusal."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from loratory.errors import ConfigError
from loratory.recipe.known_keys import keys_of_section, known_key, known_keys
from loratory.recipe.load import dump_recipe, load_recipe
from loratory.recipe.other_names import OUR_KEYS
from loratory.recipe.schema import Recipe
from loratory.recipe.settings import UNPRINTABLE, dotted

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").rglob("*.yaml"))
BARE = {"base": "gpt2", "data": {"train": "a.csv"}}
QUICKSTART = next(path for path in RECIPES if path.stem == "quickstart").read_text("utf-8")

names_of_keys = st.sampled_from([path[-1] for path in known_keys() if path])
printable = st.text(min_size=1, max_size=20).filter(lambda text: not UNPRINTABLE.search(text))
reals = st.floats(min_value=1e-300, max_value=1e300)
words = st.sampled_from(
    ["no", "true", "1e5", "~", "0o7", "1:2", "- a", "a: b", "#", "'", "é", " x "]
)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 9) | printable | words
json_like = st.recursive(
    scalars,
    lambda held: (
        st.lists(held, max_size=3) | st.dictionaries(printable | names_of_keys, held, max_size=3)
    ),
    max_leaves=5,
)
yaml_like = st.text(st.sampled_from("ab1.-:?!&*%|>[]{},#'\"\\ \n\t~=@é\0\ud800"), max_size=60)
keys = st.sampled_from([*map(dotted, known_keys()), *OUR_KEYS, "a.b", "training..x", "zz"])
kinds = st.sampled_from([f"task.kind={kind}" for kind in known_key(("task",), {}).kinds])
lines = st.sampled_from(QUICKSTART.splitlines())

often = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def outcome(path, overrides):
    try:
        return load_recipe(path, overrides)
    except ConfigError as error:
        return error


def assert_loaded_or_refused(path, overrides=()):
    """Fail for any exception but a ConfigError that can be printed, and after a second."""
    begun = time.process_time()
    found = outcome(path, overrides)
    assert time.process_time() - begun < 1
    if isinstance(found, ConfigError):
        assert str(found).encode("utf-8").startswith(b"error[CFG-")
        assert all(line.isprintable() for line in str(found).splitlines())
        assert found.fix
    else:
        assert isinstance(found, Recipe)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_is_shipped_loads(path):
    assert load_recipe(path).name == path.stem


def test_there_are_shipped_recipes():
    assert len(RECIPES) >= 3


def test_the_quickstart_is_the_main_job():
    recipe = load_recipe("quickstart")
    assert (recipe.base, recipe.data.name) == ("smollm2-135m", "rotten_tomatoes")
    assert (recipe.data.limit.train, recipe.data.holdout.test) == (2000, 1066)
    assert (recipe.method.r, recipe.training.learning_rate) == (8, 1e-3)


def test_overrides_are_texts_or_a_mapping():
    by_text = load_recipe("quickstart", ["base=gpt2", "task.labels=[a, b]", "method.r=4"])
    by_value = load_recipe("quickstart", {"base": "gpt2", "task.labels": ("a", "b"), "method.r": 4})
    assert by_text == by_value
    assert (by_text.base, by_text.task.labels, by_text.method.r) == ("gpt2", ("a", "b"), 4)


def test_overrides_make_a_section_of_another_kind(loaded):
    words = loaded("task: {kind: classify}\n", "task.kind=label_words", "task.template=Is {text}")
    assert (words.task.kind, words.task.template) == ("label_words", "Is {text}")
    written = loaded(
        "", "data.name=squad", "task.decoding.kind=beam", "task.kind=written_qa", "task.bos=false"
    )
    assert (written.task.decoding.kind, written.task.bos) == ("beam", False)


def test_numbers_are_those_of_yaml_1_2(loaded):
    training = loaded("training: {learning_rate: 1e-4, warmup: 010, weight_decay: 1}\n").training
    assert (training.learning_rate, training.warmup, training.weight_decay) == (1e-4, 10, 1.0)


def test_json_is_a_recipe_too(recipe_path):
    recipe = load_recipe(recipe_path(json.dumps({"base": "gpt2", "data": {"name": "cola"}})))
    assert recipe.data.name == "cola"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("sst2.yaml", "sst2"),
        ("my recipe (2).yaml", "my-recipe-2"),
        ("été.yaml", "t"),
        ("模型.yaml", "run"),
        (".hidden", "hidden"),
        ("x" * 200 + ".yaml", "x" * 64),
    ],
)
def test_a_recipe_without_a_name_is_named_after_its_file(tmp_path, file, name):
    (tmp_path / file).write_text("base: gpt2\ndata: {name: cola}\n", "utf-8")
    assert load_recipe(tmp_path / file).name == name
    assert load_recipe(tmp_path / file, ["name=own"]).name == "own"


def test_a_file_name_that_is_not_utf8_can_still_be_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.yaml")
    path.write_text("epochs: 1\n", "utf-8")
    assert_loaded_or_refused(path)


def test_paths_stay_as_they_are_written(loaded):
    recipe = loaded("", "base=../models/x", "data.name=null", "data.train=./a.csv")
    assert (recipe.base, recipe.data.train) == ("../models/x", "./a.csv")


@often
@given(
    base=printable | words | printable.map(lambda text: text * 30),
    labels=st.lists(
        (printable | words).filter(str.strip), min_size=2, max_size=4, unique_by=str.strip
    ),
    numbers=st.tuples(reals, reals, st.integers(1, 10**9)),
    warmup=st.integers(0, 999) | st.floats(0, 1, exclude_max=True),
)
def test_a_dumped_recipe_loads_as_the_same(recipe_path, base, labels, numbers, warmup):
    overrides = {
        "name": "run",
        "base": base,
        "task.labels": labels,
        "training.learning_rate": numbers[0],
        "training.epsilon": numbers[1],
        "training.epochs": numbers[2],
        "training.warmup": warmup,
        "training.max_grad_norm": None,
    }
    recipe = load_recipe("cola", overrides)
    again = load_recipe(recipe_path(dump_recipe(recipe)))
    assert again == recipe
    assert type(again.training.warmup) is type(warmup)


METHODS = {kind: {"kind": kind} for kind in known_key(("method",), {}).kinds} | {
    "lora": {
        "kind": "lora",
        "rank_pattern": {"mlp.c_fc": 2, "~": 3, r".*\.0\..*": 4},
        "alpha_pattern": {"1e5": 2.0},
        "layers_to_transform": [1, 0],
        "init_lora_weights": "pissa",
    },
    "bottleneck": {"kind": "bottleneck", "bottleneck_size": 3, "target_modules": ["c_proj"]},
    "prompt": {"kind": "prompt", "init_text": "null"},
    "peft": {"kind": "peft", "folder": "an adapter"},
}
WITH_A_HEAD = {"classify", "span_qa"}
ASKED_BY_A_PROMPT = {"label_words", "written_qa", "word_problem"}


@pytest.mark.parametrize(
    ("task", "more"),
    [
        ("classify", {}),
        ("label_words", {"words": ["no", "1e5"], "shots": 3, "template": "{text}\n\n:"}),
        ("label_words", {"examples": [{"text": "~", "label": "true"}]}),
        ("span_qa", {"unanswerable": True, "stride": 64}),
        ("written_qa", {"decoding": {"kind": "sample", "top_p": 0.5, "temperature": 1e-5}}),
        ("text", {"max_length": 128}),
        ("word_problem", {"examples": [{"problem": "~", "answer": "1e5", "solution": "null"}]}),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_a_dumped_recipe_of_any_kind_loads_as_the_same(recipe_path, task, more, method):
    if method == ("none" if task in WITH_A_HEAD else "head"):
        pytest.skip("a task has a head or it has none")
    if method == "prompting" and task not in ASKED_BY_A_PROMPT:
        pytest.skip("a task is asked by a prompt or it is not")
    written = BARE | {"name": "run", "method": METHODS[method], "task": {"kind": task} | more}
    recipe = load_recipe(recipe_path(json.dumps(written)))
    assert (recipe.task.kind, recipe.method.kind) == (task, method)
    held = json.loads(recipe.method.model_dump_json())
    assert held.items() >= METHODS[method].items()
    assert load_recipe(recipe_path(dump_recipe(recipe))) == recipe


def test_long_text_is_dumped_unchanged(recipe_path):
    for length in range(60, 140):
        recipe = load_recipe("cola", {"base": "\\" * length + " \r", "data.text": "a b " * length})
        assert load_recipe(recipe_path(dump_recipe(recipe)), ["name=cola"]) == recipe


def test_a_dumped_recipe_is_complete_and_any_yaml_1_2_reader_takes_it():
    recipe = load_recipe("quickstart")
    read = YAML(typ="safe", pure=True).load(io.StringIO(dump_recipe(recipe)))
    assert read == recipe.model_dump(mode="json")


@often
@given(st.binary(max_size=200) | yaml_like.map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_loaded_or_refused(recipe_path, content):
    assert_loaded_or_refused(recipe_path(content))


@often
@given(st.data())
def test_any_damaged_recipe_is_loaded_or_refused(recipe_path, data):
    text = QUICKSTART
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 8))
        text = text[:start] + data.draw(yaml_like | lines | printable) + text[end:]
    assert_loaded_or_refused(recipe_path(text.encode("utf-8", "replace")))


@often
@given(
    st.lists(
        st.text(max_size=30) | kinds | st.tuples(keys, yaml_like | words).map("=".join), max_size=4
    )
)
def test_any_overrides_are_loaded_or_refused(overrides):
    assert_loaded_or_refused("quickstart", overrides)


@often
@given(kinds, st.data())
def test_any_values_in_a_section_of_any_kind_are_loaded_or_refused(recipe_path, kind, data):
    kind = kind.rpartition("=")[2]
    names = keys_of_section(("task",), {"task": {"kind": kind}})
    task = data.draw(st.dictionaries(st.sampled_from(names) | printable, json_like, max_size=4))
    task["kind"] = data.draw(st.just(kind) | json_like)
    assert_loaded_or_refused(recipe_path(json.dumps(BARE | {"task": task})))


def test_thousands_of_mistakes_are_told_in_time(recipe_path):
    assert_loaded_or_refused(recipe_path("".join(f"lerning_rate{n}: 1\n" for n in range(2400))))
    assert_loaded_or_refused(recipe_path(f"{QUICKSTART}labels: [{'1, ' * 4000}]\n"))
    assert_loaded_or_refused("quickstart", [f"task.labels=[{'true, ' * 2000}]"])


def test_loading_and_refusing_need_no_torch():
    code = """
import sys
from loratory.errors import ConfigError
from loratory.recipe.load import load_recipe
load_recipe("quickstart")
try:
    load_recipe("quickstart", ["training.epochs=0"])
except ConfigError:
    print(*sorted({"datasets", "numpy", "torch", "transformers"} & sys.modules.keys()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"
