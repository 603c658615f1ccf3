"""One trial: what it is refused for, and what its log says of it."""

import json

import pytest

from loratory.experiments.study import Planned
from loratory.experiments.trial import Trial
from loratory.inference.materials import Materials
from loratory.recipe.load import load_recipe, varied


@pytest.fixture
def trial(film_recipe, tmp_path):
    """Return the function that makes a trial which is compared by a metric."""
    path = tmp_path / "trial"
    path.mkdir()
    recipe = varied(load_recipe(film_recipe), {"training.select": "accuracy"})
    planned = Planned(0, {}, 0, "trial")
    return lambda metric: Trial(planned, path, recipe, metric, lambda _: False)


def test_a_metric_that_the_task_has_not_fails_the_trial_before_it_trains(trial):
    outcome = trial("bleu_1").run(Materials(), lambda *_: None, lambda: False)
    assert (outcome.state, outcome.code) == ("failed", "CFG-UNKNOWN")
    assert not (trial("bleu_1").path / "log.jsonl").exists()
    assert trial("bleu_1").outcome() == outcome


def test_evaluations_without_the_metric_are_none(trial):
    log = trial("bleu_1").path / "log.jsonl"
    about = {"event": "evaluation", "split": "validation", "time": 1.0, "attempt": 1}
    lines = [about, {**about, "eval/bleu_1": None}, {**about, "eval/bleu_1": 0.5}]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert trial("bleu_1").evaluations() == {3: 0.5}


def test_a_trial_took_as_long_as_all_its_attempts(trial):
    log = trial("accuracy").path / "log.jsonl"
    times = [(1, 10.0), (1, 16.0), (2, 100.0), (2, 103.0)]
    lines = [{"event": "warning", "attempt": number, "time": time} for number, time in times]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert trial("accuracy").seconds() == 9.0
