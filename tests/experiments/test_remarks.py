"""What must be known of a comparison, said where it holds and nowhere else."""

import json

import pytest

from loratory.experiments.given_runs import given_runs
from loratory.experiments.remarks import Drawn, remarks

ROWS = Drawn(200, known=False)


def said(paths, split="validation", drawn=ROWS):
    return " ".join(remarks([[run] for run in given_runs(paths)], split, drawn))


def test_validation_rows_that_chose_and_test_rows_are_said_to_be_so(make_run):
    run = make_run("a", 0.9)
    assert "validation rows also chose the checkpoint of every run" in said([run])
    assert "test rows" not in said([run])
    assert "These are the test rows" in said([run], "test")
    assert "also chose" not in said([run], "test")


def test_the_best_of_many_is_said_to_be_chosen_on_these_rows(make_run):
    runs = [make_run(name, 0.9, r=r) for name, r in (("a", 2), ("b", 4), ("c", 8))]
    assert "The best of 3 is the best on these very validation rows" in said(runs)
    assert "The best of" not in said(runs, "test")
    assert "The best of" not in said(runs[:2])


def test_several_seeds_are_said_to_be_in_the_interval(make_run):
    runs = given_runs([make_run("a", 0.9), make_run("b", 0.9, seed=1)])
    assert "include the seed" in " ".join(remarks([runs], "test", ROWS))
    assert "One seed of every run" in " ".join(remarks([[run] for run in runs], "test", ROWS))


@pytest.mark.parametrize(
    ("environments", "word"),
    [
        (({"processor": "x"}, {"processor": "y"}), "processor"),
        (({"gpu": None}, {"gpu": "H"}), "gpu"),
        (({"compute": {"threads": 1}}, {"compute": {"threads": 2}}), "threads"),
        (({"compute": {"threads": 1}}, {"compute": {"threads": 1}}), None),
    ],
)
def test_other_machines_are_named(make_run, environments, word):
    runs = [make_run("a", 0.9), make_run("b", 0.8)]
    for run, environment in zip(runs, environments, strict=True):
        (run / "environment.json").write_text(json.dumps(environment))
    assert ("not alike" in said(runs)) == (word is not None)
    assert word is None or word in said(runs)


def test_a_single_row_is_said_to_settle_nothing(make_run):
    assert "A single row" in said([make_run("a", 0.9)], drawn=Drawn(1, known=False))
    assert "A single paragraph" in said([make_run("b", 0.9)], drawn=Drawn(1, known=True))
