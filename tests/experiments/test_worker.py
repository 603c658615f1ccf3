"""A sweep that is opened again: its trials are those of its recipe, or it is refused."""

import pytest

from loratory.errors import RunError
from loratory.experiments.summary import sweep_result
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Sweep
from loratory.recipe.load import dump_written, load_recipe

TPE = "  kind: tpe\n  trials: 3\n  metric: accuracy\n  values: {method.r: {low: 2, high: HIGH}}\n"


@pytest.fixture
def opened(sweep_recipe, tmp_path):
    """Return the function that opens the test's one sweep with this section."""
    folder = SweepFolder.create("sweep", out=tmp_path / "sweep")

    def open_with(section):
        folder.recipe.write_text(dump_written(load_recipe(sweep_recipe(section, "opened"))))
        return Sweep(folder)

    return open_with


def begin(sweep, count):
    for number in range(count):
        sweep.study.begin(sweep.planned(number, sweep.study.trials()), sweep.space)


def grid(values, seeds):
    return f"  metric: accuracy\n  values: {{method.r: {values}}}\n  seeds: {seeds}\n"


def test_a_value_more_at_the_end_is_a_point_more(opened):
    begin(opened(grid([2, 4], [0])), 2)
    assert opened(grid([2, 4, 8], [0])).plan.trials == 3


@pytest.mark.parametrize(
    ("values", "seeds", "trial"),
    [([2, 4, 8], [0, 1], 2), ([4, 2], [0, 1], 0), ([2, 4], [1, 0], 0), ([2, 4], [0], 2)],
)
def test_a_journal_of_other_trials_is_refused(opened, values, seeds, trial):
    begin(opened(grid([2, 4], [0, 1])), 3)
    with pytest.raises(RunError, match=rf"trial {trial} .+sweep\.yaml") as refused:
        opened(grid(values, seeds))
    assert refused.value.code == "RUN-MISMATCH"


def test_points_that_were_proposed_from_other_values_are_refused(opened):
    begin(opened(TPE.replace("HIGH", "8")), 2)
    opened(TPE.replace("HIGH", "8").replace("trials: 3", "trials: 5"))
    with pytest.raises(RunError, match="RUN-MISMATCH"):
        opened(TPE.replace("HIGH", "16"))


@pytest.mark.parametrize(("looks", "told"), [(1, True), (2, False)])
def test_a_pruner_that_can_never_give_up_is_told_of(opened, looks, told):
    sweep = opened(f"{grid([2, 4], [0])}  prune: {{kind: halving}}\n")
    begin(sweep, 1)
    sweep.study.report(0, dict.fromkeys(range(1, looks + 1), 0.5))
    said = [note for note in sweep_result(sweep)["notes"] if "nothing could be given up" in note]
    assert bool(said) == told
