"""An old run is sent as it stands in its log, finished or not."""

import shutil

import pytest

from loratory.errors import RunError
from loratory.runs.lock import owned
from loratory.runs.log import read_events
from loratory.track.send import send_run

pytest.importorskip("tensorboard")


def test_a_finished_run_goes_with_its_result(film_run, tmp_path):
    sent = send_run(film_run, "tensorboard", folder=tmp_path)
    events = read_events(film_run / "log.jsonl")
    steps = [e for e in events if e["event"] == "step"]
    assert sent.finished
    assert sent.points > 5 * len(steps)
    assert str(tmp_path) in sent.look


def test_an_unfinished_run_goes_without(film_run, tmp_path):
    copy = shutil.copytree(film_run, tmp_path / "run")
    (copy / "result.json").unlink()
    assert not send_run(copy, "tensorboard").finished
    assert (tmp_path / "track" / "tensorboard").is_dir()


def test_an_active_run_is_refused(film_run):
    with owned(film_run), pytest.raises(RunError, match="RUN-LOCK"):
        send_run(film_run, "tensorboard")


def test_a_folder_that_cannot_be_written_is_named(film_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"RUN-TRACK.*file"):
        send_run(film_run, "tensorboard", folder=tmp_path / "file")
