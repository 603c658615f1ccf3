"""Rules between the sections of a recipe, each with the place of the setting to change."""

import pytest

from loratory.recipe.known_keys import known_key
from loratory.recipe.schema import DataSection, task_labels

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
    advice = refusal("task: {kind: text}\n", f"data.name={name}").fix
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


def test_full_fine_tuning_is_in_float32(refusal, loaded):
    error = refusal("method: {kind: full}\ntraining: {precision: bfloat16}\n")
    assert error.at.endswith("recipe.yaml:4 training.precision")
    assert error.fix == "leave training.precision out"
    assert refusal("training: {precision: bfloat16}\n", "method.kind=full").at == (
        "command line: method.kind"
    )
    assert loaded("method: {kind: full}\ntraining: {precision: float32}\n")


@pytest.mark.parametrize("task", TASKS)
def test_the_labels_of_a_task_are_those_it_gives_and_none_where_it_has_none(loaded, task):
    given = ("task.labels=[no, yes]",) if task in ("classify", "label_words") else ()
    section = loaded("", f"task.kind={task}", "data={train: a.csv}", *given).task
    assert task_labels(section) == (("no", "yes") if given else None)
