"""A killed run that keeps frozen states goes on bit for bit, wherever they are kept."""

import pytest

from loratory.runs.log import read_events

PARTS = ("last", "best", "adapter", "predictions")


def contents(run):
    files = [path for part in PARTS for path in (run / part).rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def events(run, kind):
    return [event for event in read_events(run / "log.jsonl") if event["event"] == kind]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_killed_runs_end_in_the_same_bytes(begin, killed, film_recipe, tmp_path, where):
    settings = ("method.layers_to_transform=[1]", f"training.frozen_states={where}")

    def steps(run):
        """Return how many steps of the run are logged."""
        log = run / "log.jsonl"
        return log.read_bytes().count(b'"event": "step"') if log.exists() else 0

    whole, out = tmp_path / "whole", tmp_path / "killed"
    ended = begin("train", film_recipe, *settings, "--out", whole).wait()
    assert ended.code == 0, ended.err
    process = begin("train", film_recipe, *settings, "--out", out)
    for awaited in (3, 7, 11):
        assert killed(process, lambda awaited=awaited: steps(out) >= awaited).code == -9
        process = begin("train", "--resume", out)
    ended = process.wait()
    assert ended.code == 0, ended.err
    assert len(events(out, "resume")) == 3
    assert [event["where"] for event in events(out, "frozen_states")] == [where] * 4
    assert contents(out) == contents(whole)
