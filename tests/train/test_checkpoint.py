"""Checkpoints: what is saved comes back, equal bytes for equal states, and never a NaN."""

import json
import random

import pytest
import torch

from loratory.errors import NumericsError, RunError
from loratory.runs.published import open_published
from loratory.train import fit
from loratory.train.checkpoint import (
    TrainState,
    read_optimizer,
    read_state,
    read_trained,
    save_checkpoint,
)

STATE = TrainState(step=7, best_value=0.1 + 0.2, best_step=5, worse_evaluations=2)


def tensors(seed, *names):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(3, 5, generator=generator) for name in names}


def save(target, *, step=7):
    trained, optimizer = tensors(step, "b", "a"), tensors(step + 1, "exp_avg.a", "step")
    save_checkpoint(target, STATE, trained, optimizer)
    return trained, optimizer


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_saved_comes_back(tmp_path):
    target = tmp_path / "last"
    trained, optimizer = save(target)
    assert read_state(target) == STATE
    for saved, found in ((trained, read_trained(target)), (optimizer, read_optimizer(target))):
        assert saved.keys() == found.keys()
        assert all(torch.equal(saved[name], found[name]) for name in saved)


def test_a_checkpoint_is_sealed_and_says_its_step(tmp_path):
    save(tmp_path / "last")
    found = open_published(tmp_path / "last")
    assert (found.info, found.note) == ({"step": 7}, None)


def test_equal_states_are_equal_files(tmp_path):
    save(tmp_path / "one")
    save(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 4


def test_nothing_in_it_is_a_pickle(tmp_path):
    save(tmp_path / "last")
    assert {path.suffix for path in (tmp_path / "last").iterdir()} == {".json", ".safetensors"}
    assert json.loads((tmp_path / "last" / "state.json").read_text())["step"] == 7


def test_a_newer_checkpoint_takes_the_place_of_the_older(tmp_path):
    save(tmp_path / "last", step=1)
    trained, _ = save(tmp_path / "last", step=2)
    assert torch.equal(read_trained(tmp_path / "last")["a"], trained["a"])
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_tensor_that_is_not_finite_is_never_written(tmp_path, value, place):
    save(tmp_path / "last")
    before = contents(tmp_path / "last")
    parts = [tensors(1, "weight"), tensors(2, "exp_avg.weight")]
    next(iter(parts[place].values()))[2, 3] = float(value)
    for target in ("last", "fresh"):
        with pytest.raises(NumericsError, match=r"NUM-NAN.*1 values of .*weight") as caught:
            save_checkpoint(tmp_path / target, STATE, *parts)
        assert caught.value.exit_code == 7
    assert contents(tmp_path / "last") == before
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_flipped_bit_anywhere_is_seen(tmp_path):
    target, rng = tmp_path / "last", random.Random(0)
    save(target)
    whole = contents(target)
    for _ in range(100):
        name = rng.choice(sorted(whole))
        damaged = bytearray(whole[name])
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (target / name).write_bytes(damaged)
        with pytest.raises(RunError, match=rf"CKPT-BAD.*{name}|CKPT-BAD.*manifest") as caught:
            open_published(target)
        assert caught.value.exit_code == 4
        (target / name).write_bytes(whole[name])
    assert open_published(target)


def test_what_the_steps_said_is_on_the_disk_before_a_checkpoint_is(
    make_gpt2_trainee, make_fit, monkeypatch
):
    trainee, done = make_gpt2_trainee(), []
    fitting = make_fit(trainee, epochs=1)
    fitting.folder.log.touch()
    monkeypatch.setattr(fit, "sync", lambda path: done.append(path.name))
    monkeypatch.setattr(fit, "save_checkpoint", lambda path, *_: done.append(path.name))
    fitting.fit.run()
    assert done == ["log.jsonl", "dynamics.jsonl", "last"]
