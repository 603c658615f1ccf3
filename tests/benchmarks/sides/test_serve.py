"""A side answers what it is asked, and loads a job once."""

from pathlib import Path

from benchmarks.sides.serve import Served


def test_a_job_is_loaded_once_and_done_as_often_as_asked():
    loaded, done = [], []

    def load(folder, settings):
        loaded.append((folder, settings))

        def run():
            done.append(folder)
            return {"seconds": float(len(done))}

        return run

    side = Served(lambda _, settings: [float(len(settings))], load, ["a=1", "b=2"])
    assert side.answer({"do": "check", "folder": "x"}) == {"checked": [2.0]}
    assert not loaded
    found = [side.answer({"do": "run", "folder": name})["seconds"] for name in ("x", "x", "y")]
    assert found == [1.0, 2.0, 3.0]
    assert loaded == [(Path("x"), ["a=1", "b=2"]), (Path("y"), ["a=1", "b=2"])]
    assert done == [Path("x"), Path("x"), Path("y")]
