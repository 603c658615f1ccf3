"""Ctrl-C and SIGTERM: saved, said how to go on, and gone on to the same bytes."""

import signal

import pytest

from loratory.runs.log import read_events
from loratory.train.checkpoint import read_state


def contents(run):
    parts = ("last", "best", "adapter", "predictions")
    paths = [path for part in parts for path in (run / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def has_stepped(run, step):
    log = run / "log.jsonl"
    return lambda: log.exists() and f'"step": {step},' in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(
    begin, signalled, film_recipe, film_run, tmp_path, number
):
    run = tmp_path / "run"
    ended = signalled(begin("train", film_recipe, "--out", run), number, has_stepped(run, 3))
    assert ended.code == 130
    *_, headline, fix = ended.err.splitlines()
    state = read_state(run / "last")
    assert 3 <= state.step < 12
    assert headline == (
        f"error[RUN-STOPPED]: stopped as asked after step {state.step} of 12; everything is "
        f"saved, at {run}"
    )
    assert fix == f"fix: go on with `loratory train --resume {run}`"
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert not (run / "result.json").exists()
    assert begin("train", "--resume", run).wait().code == 0
    assert contents(run) == contents(film_run)
    stops = [e["reason"] for e in read_events(run / "log.jsonl") if e["event"] == "stop"]
    assert stops == ["interrupted", "finished"]


def test_a_fresh_process_stops_like_one_that_was_forked(
    begin_fresh, signalled, film_recipe, tmp_path
):
    run = tmp_path / "run"
    process = begin_fresh("train", film_recipe, "--out", run)
    ended = signalled(process, signal.SIGINT, has_stepped(run, 2))
    assert (ended.code, ended.out) == (130, "")
    assert f"go on with `loratory train --resume {run}`" in ended.err
