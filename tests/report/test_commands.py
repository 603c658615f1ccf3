"""What a run can be told to do: for every kind of rows that a task is made of."""

from typing import get_args

import pytest

from loratory.recipe.schema import TASKS, Reads
from loratory.report.commands import commands


@pytest.mark.parametrize("reads", get_args(Reads))
def test_every_kind_of_rows_has_commands_for_the_run(reads):
    found = commands(reads, "runs/mine")
    assert found.use.startswith(("loratory predict runs/mine ", "loratory generate runs/mine "))
    assert found.score.startswith("loratory evaluate runs/mine --file ")


def test_what_predicts_nothing_is_asked_to_write():
    writes = {kind for kind, task in TASKS.items() if " generate " in commands(task.reads, "r").use}
    assert writes == {"text", "preference"}
