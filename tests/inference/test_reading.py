"""Reading without weights: as the run reads, and row by row what it cannot read."""

import pytest

from loratory.data.rows import Row
from loratory.errors import DataError
from loratory.inference.reading import readable, reading_task, task_of_run
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import ClassifyTask
from loratory.runs.folder import RunFolder

ROWS = [Row(str(n), "lovely " * n, 0, f"row {n}") for n in range(1, 9)]


@pytest.fixture
def task(film_recipe):
    recipe = load_recipe(film_recipe)
    section = ClassifyTask(labels=("negative", "positive"), max_length=14)
    return reading_task(recipe.model_copy(update={"task": section}))


def test_rows_that_are_too_long_are_found_one_by_one(task):
    found = readable(task, ROWS[::-1])
    assert 0 < len(found) < len(ROWS)
    task.encode(found)
    for row in ROWS:
        if row not in found:
            with pytest.raises(DataError):
                task.encode([row])
    assert found == [row for row in ROWS[::-1] if row in found]
    assert readable(task, []) == []


def test_a_finished_run_reads_as_it_does_with_its_weights(film_run):
    rows = ROWS[:3]
    assert task_of_run(RunFolder(film_run)).encode(rows) == load_run(film_run).task.encode(rows)
