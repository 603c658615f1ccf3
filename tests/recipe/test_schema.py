"""Rules between the sections of a recipe, each with the place of the setting to change."""

import pytest

from loratory.recipe.known_keys import known_key
from loratory.recipe.schema import DataSection, LoraMethod, task_labels, trains_the_base

SQUAD = "base: gpt2\ndata: {name: squad}\n"
SETS = known_key(("data", "name"), {}).choices
TASKS = known_key(("task",), {}).kinds


@pytest.mark.parametrize(
    ("lines", "overrides", "place"),
    [
        ("", (), "recipe.yaml:2 data.name"),
        ("task: {kind: label_words}\n", (), "recipe.yaml:2 data.name"),
        ("", ("data.name=squad", "training.epochs=2"), "command line: data.name"),
        ("", ("data={name: squad}", "seed=2"), "command line: data.name"),
        ("", ("task.kind=classify", "training.epochs=2"), "command line: task.kind"),
    ],
)
def test_rows_that_do_not_fit_the_task_are_told_where_they_are_named(
    refusal, lines, overrides, place
):
    error = refusal("", *overrides, text=SQUAD + lines)
    assert error.code == "CFG-RANGE"
    assert error.at.endswith(place)
    assert error.problem.startswith("squad holds questions on a context, and task ")
    assert error.fix == "set task.kind to span_qa or written_qa, or name other data"


@pytest.mark.parametrize("name", SETS)
def test_every_named_set_is_the_data_of_the_tasks_that_are_advised(loaded, refusal, name):
    # One of the two takes none but questions, the other all but those.
    other = "span_qa" if name not in {"squad", "squad_v2"} else "text"
    advice = refusal(f"task: {{kind: {other}}}\n", f"data.name={name}").fix
    fitting = advice.removeprefix("set task.kind to ").partition(",")[0].split(" or ")
    for task in TASKS:
        overrides = (f"data.name={name}", f"task.kind={task}")
        if task in fitting:
            assert loaded("", *overrides).task.kind == task
        else:
            assert refusal("", *overrides).fix == advice


@pytest.mark.parametrize("task", TASKS)
def test_files_of_ones_own_are_the_data_of_any_task(loaded, task):
    recipe = loaded("", f"task.kind={task}", "data={train: a.csv}")
    assert recipe.data == DataSection(train="a.csv")


TRAIN_THE_BASE = [
    "kind: full",
    "kind: bitfit",
    "bias: all",
    "bias: lora_only",
    "modules_to_save: [ln_f]",
]
LEAVE_IT = [
    "r: 4",
    "use_dora: true",
    "init_lora_weights: pissa",
    "kind: bottleneck",
    "kind: ia3",
    "kind: prompt",
    "kind: prefix",
    "kind: head",
    "kind: peft, folder: adapter",
]


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize("method", TRAIN_THE_BASE)
def test_weights_of_the_base_train_in_float32(refusal, loaded, method, precision):
    error = refusal(f"method: {{{method}}}\ntraining: {{precision: {precision}}}\n")
    assert error.at.endswith("recipe.yaml:4 training.precision")
    assert error.fix == "leave training.precision out"
    recipe = loaded(f"method: {{{method}}}\ntraining: {{precision: float32}}\n")
    assert trains_the_base(recipe.method)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
@pytest.mark.parametrize("method", LEAVE_IT)
def test_what_stands_beside_the_base_trains_over_one_of_rounded_weights(loaded, method, precision):
    recipe = loaded(f"method: {{{method}}}\ntraining: {{precision: {precision}}}\n")
    assert not trains_the_base(recipe.method)


def test_a_method_of_the_command_line_is_where_the_mistake_is(refusal):
    error = refusal("training: {precision: bfloat16}\n", "method.kind=full")
    assert error.at == "command line: method.kind"


WITH_A_HEAD = ("classify", "span_qa")


@pytest.mark.parametrize("task", TASKS)
def test_a_probe_needs_a_head_and_a_head_needs_training(loaded, refusal, task):
    given = (f"task.kind={task}", "data={train: a.csv}")
    fits, other = ("head", "none") if task in WITH_A_HEAD else ("none", "head")
    assert loaded("", f"method.kind={fits}", *given).method.kind == fits
    error = refusal(f"method: {{kind: {other}}}", "data={train: a.csv}", f"task={{kind: {task}}}")
    assert error.code == "CFG-RANGE"
    assert error.problem.startswith(f"task {task} ")
    assert error.fix == f"set method.kind to {fits}, or to lora"
    assert refusal("", f"method.kind={other}", *given).at == "command line: method.kind"


PROMPTING = "method: {kind: prompting, examples: {kind: seed, k: 4}}"
ASKED_BY_A_PROMPT = ("label_words", "written_qa", "word_problem")


@pytest.mark.parametrize("task", TASKS)
def test_prompting_is_for_tasks_that_are_asked_by_a_prompt(loaded, refusal, task):
    given = ("data={train: a.csv}", f"task={{kind: {task}}}")
    if task in ASKED_BY_A_PROMPT:
        assert loaded(PROMPTING, *given).method.examples.k == 4
        return
    error = refusal(PROMPTING, *given)
    assert error.code == "CFG-RANGE"
    assert error.problem == f"task {task} is not asked by a prompt"
    assert error.fix.startswith("set task.kind to label_words, written_qa or word_problem")


@pytest.mark.parametrize("task", ["written_qa", "word_problem"])
def test_there_are_no_classes_to_balance_where_there_are_none(loaded, refusal, task):
    method = "method: {kind: prompting, examples: {kind: balanced, k: 4}}"
    error = refusal(method, "data={train: a.csv}", f"task={{kind: {task}}}")
    assert error.problem == f"task {task} has no classes to balance"
    assert error.fix == "set method.examples.kind to seed or similar"
    loaded(method, "data={train: a.csv}", "task={kind: label_words}")


@pytest.mark.parametrize(
    "task",
    [
        "{kind: label_words, shots: 2}",
        "{kind: label_words, examples: [{text: a, label: b}]}",
        "{kind: word_problem, examples: [{problem: a, answer: '2', solution: so 2}]}",
    ],
)
def test_examples_are_the_tasks_own_or_chosen_by_the_method(loaded, refusal, task):
    error = refusal(PROMPTING, "data={train: a.csv}", f"task={task}")
    assert error.problem.startswith("the task has solved examples of its own")
    loaded("method: {kind: prompting}", "data={train: a.csv}", f"task={task}")


def test_a_bottleneck_has_one_width(loaded, refusal):
    assert loaded("method: {kind: bottleneck, reduction_factor: 4}").method.bottleneck_size is None
    assert loaded("method: {kind: bottleneck, bottleneck_size: 4}").method.reduction_factor is None
    error = refusal("method: {kind: bottleneck, reduction_factor: 4, bottleneck_size: 3}")
    assert error.code == "CFG-RANGE"
    assert error.at.endswith("recipe.yaml:3 method")
    assert error.fix == "leave one of them out"


@pytest.mark.parametrize(
    ("written", "overrides"),
    [
        ("{c_attn: 4}", ()),
        ("{c_attn: 9}", ("method.rank_pattern={c_attn: 4}",)),
        ("{c_attn: 9}", ("method.rank_pattern.c_attn=4",)),
        ("{}", ("method.rank_pattern.c_attn=4",)),
        ("{c_attn: 4, c_fc: 9}", ("method.rank_pattern.c_fc=null",)),
    ],
)
def test_ranks_of_single_layers_are_given_by_name(loaded, written, overrides):
    recipe = loaded(f"method: {{rank_pattern: {written}}}", *overrides)
    assert recipe.method == LoraMethod(rank_pattern={"c_attn": 4})


def test_a_layers_name_may_hold_points(loaded):
    found = loaded("method: {rank_pattern: {mlp.c_fc: 4}}", "method.alpha_pattern.mlp.c_fc=2")
    assert found.method == LoraMethod(rank_pattern={"mlp.c_fc": 4}, alpha_pattern={"mlp.c_fc": 2.0})


@pytest.mark.parametrize("task", TASKS)
def test_the_labels_of_a_task_are_those_it_gives_and_none_where_it_has_none(loaded, task):
    given = ("task.labels=[no, yes]",) if task in ("classify", "label_words") else ()
    section = loaded("", f"task.kind={task}", "data={train: a.csv}", *given).task
    assert task_labels(section) == (("no", "yes") if given else None)
