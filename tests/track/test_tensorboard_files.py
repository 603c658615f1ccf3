"""TensorBoard's files, read back by TensorBoard: what the log says, each number once."""

import pytest

from loratory.track.tensorboard_files import TensorboardFiles

pytest.importorskip("tensorboard")


def read(folder):
    """Return every scalar by name and step, and how many there are in all."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run,) = (folder / "tensorboard").iterdir()
    found = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    scalars = [
        ((tag, event.step), event.value)
        for tag in found.Tags()["scalars"]
        for event in found.Scalars(tag)
    ]
    assert len(scalars) == len({key for key, _ in scalars}), "a number stands there twice"
    return dict(scalars)


def test_a_run_killed_twice_has_no_gap_and_no_double(mirrored):
    run = mirrored("tensorboard")
    found = read(run.tracked)
    steps = {key: value for key, value in found.items() if not key[0].startswith("result/")}
    assert steps == pytest.approx(run.numbers, rel=1e-6)
    assert [step for name, step in steps if name == "train/loss"] == [*range(1, 13)]
    assert found["result/accuracy", 12] == pytest.approx(run.numbers["test/accuracy", 12])


def test_a_run_sent_twice_stands_there_once(sent, tmp_path):
    card, points, numbers = sent(tmp_path)
    for _ in range(2):
        files = TensorboardFiles(card)
        files.write(points)
        files.close()
    assert read(tmp_path) == pytest.approx(numbers, rel=1e-6)
