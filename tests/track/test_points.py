"""What trackers are told: the log's numbers under the names that people know."""

import json
import math
import re
import shutil
from dataclasses import replace

import pytest

from loratory.errors import RunError
from loratory.recipe.track import TrackSection
from loratory.runs.folder import RunFolder
from loratory.track.points import Point, points_of, run_card, summary_of, unseen


def event(name, step, **values):
    return {"event": name, "step": step, "time": 9.0, "attempt": 1, **values}


def test_steps_and_evaluations_become_points():
    step = event("step", 3, epoch=0.5, tokens=80, seconds=2.0, rows=4, **{"train/loss": 0.7})
    scores = {"eval/accuracy": 0.8, "seconds": 1.0, "tokens": 9}
    events = [
        event("start", 0, rows={}),
        step,
        event("evaluation", 3, split="validation", **scores),
        event("evaluation", 3, split="test", **scores),
        event("checkpoint", 3),
    ]
    train = {"train/loss": 0.7, "train/tokens_per_second": 40.0, "train/epoch": 0.5}
    assert points_of(events) == [
        Point(3, 9.0, train),
        Point(3, 9.0, {"eval/accuracy": 0.8}),
        Point(3, 9.0, {"test/accuracy": 0.8}),
    ]


def test_a_number_that_is_none_is_left_out():
    values = {"train/loss": math.nan, "train/grad_norm": None, "train/learning_rate": math.inf}
    assert points_of([event("step", 1, tokens=1, seconds=0.0, **values)]) == []


def test_what_was_seen_of_a_step_is_not_told_again():
    latest = {}
    points = [Point(1, 0.0, {"a": 1.0}), Point(2, 0.0, {"a": 2.0, "b": 2.0})]
    assert unseen(points, latest) == points
    again = [Point(2, 5.0, {"a": 2.0, "c": 3.0}), Point(1, 5.0, {"b": 0.0})]
    assert unseen(again, latest) == [Point(2, 5.0, {"c": 3.0})]


def test_the_summary_holds_the_result():
    result = {"metrics": {"accuracy": 0.9, "f1": None}, "seconds": 2.0, "best_step": 3}
    expected = {"result/accuracy": 0.9, "result/seconds": 2.0, "result/best_step": 3.0}
    assert summary_of(result) == expected


def test_the_card_names_the_run_and_its_settings(film_run):
    folder = RunFolder(film_run)
    card = run_card(folder, TrackSection(project="films", group="reviews"))
    assert (card.name, card.project, card.group) == (film_run.name, "films", "reviews")
    assert card.folder == film_run.resolve().parent / "track"
    assert (card.flat_config["method.r"], card.flat_config["seed"]) == (4, 0)
    assert not [name for name in card.flat_config if name.startswith("track")]
    assert {"base", "start", "train data"} <= card.digests.keys()
    assert all(len(tag) <= 64 for tag in card.tags)
    assert run_card(folder, TrackSection()).id == card.id


def test_a_setting_whose_keys_are_no_names_is_one_value(film_run):
    card = run_card(RunFolder(film_run), TrackSection())
    patterns = {r"^h\.0\..*": 8, "c_attn": 2}
    method = {**card.config["method"], "rank_pattern": patterns}
    flat = replace(card, config={**card.config, "method": method}).flat_config
    assert json.loads(flat["method.rank_pattern"]) == patterns
    assert all(re.fullmatch(r"[\w.]+", name) for name in flat)


def test_a_run_without_an_event_is_refused(film_run, tmp_path):
    shutil.copytree(film_run, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    folder.log.write_bytes(b"")
    with pytest.raises(RunError, match="RUN-LOG"):
        run_card(folder, TrackSection())
