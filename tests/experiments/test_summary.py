"""The table of a sweep: each point with the interval and the letters of its own runs."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from loratory.experiments.compare import compare, compare_entries
from loratory.experiments.study import Planned
from loratory.experiments.summary import TrialRow, point_rows


@dataclass
class Swept:
    """What the table needs of a sweep: its folder, its metric, and which end is the better one."""

    path: Path
    metric: str = "accuracy"
    lower_is_better: bool = False

    @property
    def folder(self):
        return self


@pytest.fixture
def table(make_run, tmp_path):
    """Return the function that ranks trials: (place, seed, accuracy, further settings)."""

    def ranked(trials, *others):
        rows = [*others]
        for number, (place, seed, accuracy, more) in enumerate(trials):
            run = make_run(f"trial-{number:03}", accuracy, seed=seed, splits=("validation",))
            recipe = run / "recipe.yaml"
            recipe.write_text(recipe.read_text().replace("epochs: 1", f"epochs: 1{more}"))
            (value,) = (entry.value for entry in compare([run]).entries)
            planned = Planned(number, {"place": place}, seed, run.name)
            rows.append(TrialRow(planned, place, "finished", value, value, None, {}))
        points, notes = point_rows(Swept(tmp_path), rows)
        return points, notes

    return ranked


def test_a_points_interval_is_that_of_all_its_seeds_whatever_their_threads(table, tmp_path):
    more = ["", ", threads: 1"]
    points, _ = table([(p, s, 0.9 - 0.2 * p + 0.05 * s, more[s]) for s in (0, 1) for p in (0, 1)])
    for point in points:
        runs = [tmp_path / trial.planned.run for trial in point.trials]
        (entry,) = compare_entries([runs], split="validation", metric="accuracy").entries
        low, high = point.interval
        assert low < point.value < high
        assert point.value == pytest.approx(entry.value)
        assert high - low == pytest.approx(entry.interval[1] - entry.interval[0], rel=0.2)


def test_points_that_were_drawn_twice_keep_their_own_runs(table):
    points, _ = table([(0, 0, 0.9, ""), (1, 0, 0.9, ""), (0, 1, 0.8, ""), (1, 1, 0.8, "")])
    assert [point.group for point in points] == ["a", "a"]
    assert all(low < p.value < high for p in points for low, high in [p.interval])


def other(place, seed, state, value=None):
    planned = Planned(100 + place, {"place": place}, seed, f"other-{place}-{seed}")
    return TrialRow(planned, place, state, value, value, None, {})


def test_the_best_is_the_best_on_the_seeds_that_all_points_have(table):
    """Of three points with two seeds, four trials are done."""
    done = [(0, 0, 0.6, ""), (1, 0, 0.9, ""), (2, 0, 0.7, ""), (0, 1, 0.6, "")]
    points, notes = table(done, other(1, 1, "waiting"), other(2, 1, "unfinished", 0.1))
    assert [point.settings["place"] for point in points] == [1, 2, 0]
    assert [point.group for point in points] == [None, None, None]
    assert notes == [
        "points lack seeds that others have; they are ranked by the mean on seeds that all of "
        "them have: 0"
    ]


def test_letters_belong_to_points_with_every_seed_wherever_they_stand(table):
    done = [(p, s, 0.9 - 0.1 * p, f", batch_size: {p + 1}") for s in (0, 1) for p in (1, 2)]
    points, _ = table([(0, 0, 0.9, ""), *done], other(0, 1, "waiting"))
    assert [point.settings["place"] for point in points] == [0, 1, 2]
    assert [bool(point.group) for point in points] == [False, True, True]


def test_a_point_that_was_given_up_with_a_seed_is_behind_those_that_were_not(table):
    points, notes = table(
        [(0, 0, 0.9, ""), (1, 0, 0.6, ""), (1, 1, 0.6, "")], other(0, 1, "pruned", 0.99)
    )
    assert [point.settings["place"] for point in points] == [1, 0]
    assert not notes


def test_points_beyond_the_most_that_are_compared_have_intervals_and_a_note(table, monkeypatch):
    monkeypatch.setattr("loratory.experiments.summary._MOST_COMPARED", 2)
    points, notes = table([(p, 0, 0.9 - 0.1 * p, f", batch_size: {p + 1}") for p in range(3)])
    assert [bool(point.group) for point in points] == [True, True, False]
    assert all(low < p.value < high for p in points for low, high in [p.interval])
    assert notes[0] == "only the best 2 of 3 points were compared with each other"
