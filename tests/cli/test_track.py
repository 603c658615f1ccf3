"""`loratory track`: what it prints, and what it refuses."""

import json

import pytest

pytest.importorskip("tensorboard")


def test_it_says_what_was_sent_and_how_to_look(loratory, film_run, tmp_path):
    ran = loratory("track", film_run, "--to", "tensorboard", "--folder", tmp_path)
    assert ran.code == 0
    assert "with its result" in ran.out
    assert f"tensorboard --logdir {tmp_path}/tensorboard" in ran.out


def test_with_json_it_prints_one_object(loratory, film_run, tmp_path):
    ran = loratory("track", film_run, "--to", "tensorboard", "--folder", tmp_path, "--json")
    found = json.loads(ran.out)
    assert {"run", "to", "folder", "points", "finished", "look"} == found.keys()


def test_a_tracker_there_is_not_is_refused(loratory, film_run):
    ran = loratory("track", film_run, "--to", "comet")
    assert ran.code == 2
    assert "tensorboard" in ran.err
