"""The sweep's memory: Optuna's own answers, a journal of JSON alone, and what a kill leaves."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from loratory.errors import ResourceError, RunError
from loratory.experiments.draws import Space, proposed_point
from loratory.experiments.study import Planned, Study, is_over, listed_space, planned_of
from loratory.recipe.sweep import HalvingPrune, HyperbandPrune, Range

SPACE = listed_space([{"method.r": 2}, {"method.r": 4}, {"method": {"kind": "full"}}])


def begun(study, count):
    for number in range(count):
        study.begin(Planned(number, {"method.r": 2}, 0, f"trials/{number:03}"), SPACE)


def curve(number):
    """Return eight values that rise at a pace of their own."""
    return {step: ((number * 7) % 12) * step / 8 for step in range(1, 9)}


@pytest.mark.parametrize(
    ("prune", "theirs"),
    [
        (
            HalvingPrune(reduction_factor=2),
            lambda: optuna.pruners.SuccessiveHalvingPruner(1, 2),
        ),
        (
            HyperbandPrune(max_resource=8),
            lambda: optuna.pruners.HyperbandPruner(1, 8, 3),
        ),
    ],
)
def test_who_is_given_up_is_what_optuna_says_of_a_study_that_nobody_stops(tmp_path, prune, theirs):
    ours = Study(tmp_path / "journal.log", lower_is_better=False, prune=prune)
    study = optuna.create_study(study_name="sweep", direction="maximize", pruner=theirs())
    begun(ours, 12)
    given_up = 0
    for number in range(12):
        trial, values = study.ask(), {}
        for step, value in curve(number).items():
            values[step] = value
            trial.report(value, step)
            hopeless = ours.report(number, values)
            assert hopeless == trial.should_prune()
            # Asked once more, as by a run that was killed in between, it says the same.
            assert ours.report(number, values) == hopeless
            if hopeless:
                given_up += 1
                break
        state = TrialState.PRUNED if hopeless else TrialState.COMPLETE
        study.tell(trial, None if hopeless else value, state)
        ours.end(number, state, value, 1.0)
    assert 0 < given_up < 12


def test_the_journal_is_lines_of_json_and_nothing_else_is_there(tmp_path):
    study = Study(tmp_path / "journal.log", lower_is_better=False, prune=None)
    begun(study, 2)
    study.report(0, {1: 0.5})
    study.end(0, TrialState.COMPLETE, 0.5, 1.0)
    for line in (tmp_path / "journal.log").read_text().splitlines():
        assert "op_code" in json.loads(line)
    assert {path.name for path in tmp_path.iterdir()} == {"journal.log", "journal.log.lock"}
    assert (tmp_path / "journal.log.lock").read_bytes() == b""


def test_optuna_itself_reads_the_journal(tmp_path):
    study = Study(tmp_path / "journal.log", lower_is_better=True, prune=None)
    study.begin(Planned(0, {"method": {"kind": "full"}}, 3, "trials/000"), SPACE)
    study.end(0, TrialState.COMPLETE, 0.25, 1.0)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    theirs = optuna.load_study(study_name="sweep", storage=optuna.storages.JournalStorage(backend))
    assert theirs.best_value == 0.25
    assert theirs.best_params == {"method": '{"kind": "full"}'}
    assert planned_of(theirs.trials[0]) == (0, {"method": {"kind": "full"}}, 3, "trials/000")


def test_a_trial_ends_once(tmp_path):
    study = Study(tmp_path / "journal.log", lower_is_better=False, prune=None)
    begun(study, 1)
    study.end(0, TrialState.COMPLETE, 0.5, 1.0)
    before = (tmp_path / "journal.log").read_bytes()
    study.end(0, TrialState.COMPLETE, 0.6, 1.0)
    assert (tmp_path / "journal.log").read_bytes() == before


def test_a_torn_last_line_is_taken_away_and_any_other_damage_is_refused(tmp_path):
    journal = tmp_path / "journal.log"
    begun(Study(journal, lower_is_better=False, prune=None), 2)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"wor')
    assert len(Study(journal, lower_is_better=False, prune=None).trials()) == 2
    assert journal.read_bytes().startswith(whole)
    lines = whole.splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b"damaged\n", *lines[2:]]))
    with pytest.raises(RunError, match=r"journal\.log:2") as refused:
        Study(journal, lower_is_better=False, prune=None)
    assert refused.value.code == "RUN-LOG"


@pytest.mark.parametrize(
    "line",
    [
        b'{"op_code": 4, "worker_id": "w"}',
        b'{"op_code": 4, "worker_id": "w", "study_id": 0, "datetime_start": null}',
        b'{"op_code": 6, "worker_id": "w", "trial_id": 0, "state": 99, "values": null}',
        b'{"op_code": 8, "worker_id": "w", "trial_id": 0}',
        b'{"op_code": 77, "worker_id": "w"}',
        b"[]",
    ],
)
def test_a_line_that_lacks_its_fields_is_refused_with_its_number(tmp_path, line):
    journal = tmp_path / "journal.log"
    begun(Study(journal, lower_is_better=False, prune=None), 2)
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]) + b"\n")
    with pytest.raises(RunError, match=r"journal\.log:3") as refused:
        Study(journal, lower_is_better=False, prune=None)
    assert refused.value.code == "RUN-LOG"


def test_a_trial_that_is_set_aside_is_over_until_it_is_taken_up(tmp_path):
    study = Study(tmp_path / "journal.log", lower_is_better=False, prune=None)
    begun(study, 1)
    study.set_aside(0, 1.0)
    assert [is_over(trial) for trial in study.trials()] == [True]
    study.take_up(0)
    assert [is_over(trial) for trial in study.trials()] == [False]


def test_a_line_that_another_writer_left_torn_is_taken_away_before_the_next_is_added(tmp_path):
    journal = tmp_path / "journal.log"
    study = Study(journal, lower_is_better=False, prune=None)
    begun(study, 1)
    with journal.open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    study.end(0, TrialState.COMPLETE, 0.5, 1.0)
    (trial,) = Study(journal, lower_is_better=False, prune=None).trials()
    assert trial.value == 0.5


def test_what_the_disk_refuses_is_said_with_the_place(tmp_path):
    journal = tmp_path / "journal.log"
    with pytest.raises(RunError, match=r"RUN-IO.*none/journal\.log"):
        Study(tmp_path / "none" / "journal.log", lower_is_better=False, prune=None)
    study = Study(journal, lower_is_better=False, prune=None)
    journal.with_name("journal.log.lock").unlink()
    journal.with_name("journal.log.lock").mkdir()
    with pytest.raises(RunError, match=r"RUN-IO.*journal\.log\.lock"):
        begun(study, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_to_be_full(tmp_path):
    journal = tmp_path / "journal.log"
    study = Study(journal, lower_is_better=False, prune=None)
    study._storage._backend._file_path = "/dev/full"
    with pytest.raises(ResourceError, match=r"RES-DISK.*journal\.log"):
        begun(study, 1)


def test_after_a_trial_that_failed_another_point_is_proposed():
    space = Space({"x": Range(low=0.0, high=1.0)})
    first, second = (proposed_point(space, 0, n, [], direction="minimize") for n in range(2))
    assert first != second


def test_what_is_proposed_depends_on_seed_number_and_trials_alone():
    """And comes nearer to what was good: 0.3 of a line is best."""
    space = Space({"x": Range(low=0.0, high=1.0)})
    known = []
    for number in range(30):
        point = proposed_point(space, 0, number, known, direction="minimize")
        assert point == proposed_point(space, 0, number, known, direction="minimize")
        params, distributions = space.params(point), space.distributions
        value = (point["x"] - 0.3) ** 2
        known.append(
            optuna.trial.create_trial(params=params, distributions=distributions, value=value)
        )
        assert len(known) == number + 1
    late = [abs(trial.params["x"] - 0.3) for trial in known[20:]]
    early = [abs(trial.params["x"] - 0.3) for trial in known[:10]]
    assert sum(late) < sum(early) / 2
    assert proposed_point(space, 1, number, known, direction="minimize") != point
