"""What a run keeps of its rows: where, how much, and that nothing of the result depends on it."""

import json
import random

import pytest

from loratory import pipeline
from loratory.data.cache import cache_folder
from loratory.inference import frozen
from loratory.inference.materials import Materials
from loratory.recipe.load import load_recipe
from loratory.runs.log import read_events

TOP = {"method.layers_to_transform": [1]}


@pytest.fixture
def recipe_of(film_recipe):
    """Return a function that reads the recipe of 2 epochs, LoRA in the top block, with changes."""

    def recipe_of(**changed):
        top = {} if "method" in changed else TOP
        named = {key.replace("__", "."): value for key, value in changed.items()}
        return load_recipe(film_recipe, {**top, **named})

    return recipe_of


@pytest.fixture
def kept_of(recipe_of):
    """Return a function that says where a run would keep states, and what it tells of it."""

    def kept_of(**changed):
        tuned, given = pipeline.prepare(recipe_of(**changed), Materials())
        found, said = frozen.Frozen(tuned, given.encodings), []
        found.keep(lambda event, **values: said.append((event, values)))
        assert (tuned.base.network.kept is not None) == (found.where != "off")
        return found.where, said, given, tuned

    return kept_of


def run_of(recipe, out):
    """Return all that a run learned and predicted, as bytes, and its folder."""
    path = pipeline.train(recipe, out=out).path
    parts = ("last", "best", "adapter", "predictions")
    files = [file for part in parts for file in (path / part).rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}, path


def kept_events(path):
    return [e for e in read_events(path / "log.jsonl") if e["event"] == "frozen_states"]


def tokens_of(rows):
    return sum(map(len, {row.tokens for row in rows}))


def test_where_rows_are_read_again_their_states_are_kept_in_memory(kept_of):
    where, [(event, said)], given, tuned = kept_of()
    both = [*given.encodings["train"].rows, *given.encodings["validation"].rows]
    assert (where, event, said["where"], said["blocks"]) == ("memory", "frozen_states", "memory", 1)
    kept = tuned.base.network.kept
    assert kept.places.of_text.keys() == {row.tokens for row in both}
    assert said["tokens"] == kept.states.shape[0] <= tokens_of(both)
    assert kept.states.isfinite().all()


def test_with_one_epoch_only_rows_that_are_looked_at_again_are_kept(kept_of):
    _, _, given, tuned = kept_of(training__epochs=1, training__evaluate_every=2)
    rows = given.encodings["validation"].rows
    assert tuned.base.network.kept.places.of_text.keys() == {row.tokens for row in rows}


def test_the_disk_keeps_what_this_run_reads_once_for_later_ones(kept_of):
    once = {"training__epochs": 1, "training__evaluate_every": "epoch"}
    where, _, given, tuned = kept_of(training__frozen_states="disk", **once)
    read = [row for encoding in given.encodings.values() for row in encoding.rows]
    assert where == "disk"
    assert tuned.base.network.kept.places.of_text.keys() == {row.tokens for row in read}


@pytest.mark.parametrize(
    "changed",
    [
        {"training__epochs": 1, "training__evaluate_every": "epoch"},
        {"training__frozen_states": "off"},
        {"method__layers_to_transform": [0, 1]},
        {"method": {"kind": "full"}},
        {"method": {"kind": "prompt"}},
    ],
    ids=["nothing twice", "off", "all blocks", "full", "prompt"],
)
def test_where_nothing_could_be_kept_nothing_is_and_nothing_is_said(kept_of, changed):
    where, said, _, _ = kept_of(**changed)
    assert (where, said) == ("off", [])


def test_who_asks_for_what_cannot_be_is_told(kept_of):
    changed = {"method__layers_to_transform": [0, 1], "training__frozen_states": "memory"}
    where, [(_, said)], _, _ = kept_of(**changed)
    assert where == said["where"] == "off"
    assert "stays the same" in said["note"]


def test_auto_keeps_at_most_an_eighth_of_the_memory(kept_of, monkeypatch):
    _, [(_, said)], _, tuned = kept_of()
    needed = tuned.base.network.kept.states.numel() * 4
    monkeypatch.setattr(frozen, "_memory", lambda: 8 * needed)
    assert kept_of()[0] == "memory"
    monkeypatch.setattr(frozen, "_memory", lambda: 8 * needed - 1)
    where, [(_, too_large)], _, _ = kept_of()
    assert (where, too_large["where"], too_large["tokens"]) == ("off", "off", said["tokens"])
    assert "training.frozen_states=disk" in too_large["note"]
    assert kept_of(training__frozen_states="memory")[0] == "memory"


METHODS = {
    "lora": {"kind": "lora", "r": 4, "lora_dropout": 0.1, "layers_to_transform": [1]},
    "head": {"kind": "head"},
    "ia3": {"kind": "ia3", "target_modules": ["1.mlp.c_proj"]},
    "bottleneck": {"kind": "bottleneck", "target_modules": ["1.mlp.c_proj"]},
}


@pytest.fixture(scope="module")
def unlike(tmp_path_factory):
    """Return settings of rows that begin differently: then sharing a beginning rounds nothing."""
    folder, rng = tmp_path_factory.mktemp("unlike"), random.Random(0)
    for split, rows in (("train", 18), ("validation", 7), ("test", 5)):
        lines = [f"{n:02}{split} {'word ' * rng.randint(0, 5)}{n},{n % 2}" for n in range(rows)]
        (folder / f"{split}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return {
        f"data__{split}": str(folder / f"{split}.csv") for split in ("train", "validation", "test")
    }


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"head"}))
def test_a_run_learns_and_says_the_same_with_and_without_bit_for_bit(
    recipe_of, unlike, tmp_path, method
):
    found = {}
    for where in ("off", "memory", "disk") if method == "lora" else ("off", "memory"):
        recipe = recipe_of(method=METHODS[method], training__frozen_states=where, **unlike)
        found[where], path = run_of(recipe, tmp_path / where)
        assert [event["where"] for event in kept_events(path)] == [where] * (where != "off")
        made_of = json.loads((path / "environment.json").read_text())
        assert made_of["compute"]["frozen_states"] == where
    assert all(contents == found["off"] for contents in found.values())


@pytest.mark.parametrize("method", ["lora", "head"])
def test_where_rows_begin_alike_it_learns_the_same_but_for_rounding(recipe_of, tmp_path, method):
    losses = {}
    for where in ("off", "memory"):
        settings = {"training__frozen_states": where, "training__learning_rate": 1e-3}
        recipe = recipe_of(method=METHODS[method], **settings)
        _, path = run_of(recipe, tmp_path / where)
        events = read_events(path / "log.jsonl")
        losses[where] = [e["train/loss"] for e in events if e["event"] == "step"]
        losses[where] += [e["eval/loss"] for e in events if e["event"] == "evaluation"]
    assert losses["memory"] == pytest.approx(losses["off"], rel=1e-5)


def test_on_the_disk_a_later_run_finds_them(recipe_of, tmp_path, monkeypatch):
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "cache"))
    recipe = recipe_of(training__frozen_states="disk", training__learning_rate=1e-3)
    first, path = run_of(recipe, tmp_path / "first")
    monkeypatch.setattr(frozen.Frozen, "_fill", lambda *_: pytest.fail("they are there already"))
    second, _ = run_of(recipe, tmp_path / "second")
    assert first == second
    (file,) = (cache_folder() / "frozen_states").rglob("numbers")
    assert file.stat().st_size == kept_events(path)[0]["tokens"] * 16 * 4


def test_other_rows_or_another_cut_have_states_of_their_own(recipe_of, tmp_path, monkeypatch):
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "cache"))
    changes = ({}, {"data__limit": {"train": 9}}, {"method": {"kind": "head"}}, {"seed": 3})
    for number, changed in enumerate(changes):
        run_of(recipe_of(training__frozen_states="disk", **changed), tmp_path / str(number))
    # The seed decides nothing of what is frozen.
    assert len(list((cache_folder() / "frozen_states").iterdir())) == len(changes) - 1


def test_a_run_that_broke_off_goes_on_with_the_same_states(recipe_of, tmp_path):
    """Also with those in memory, which are computed again from the rows alone."""
    whole, _ = run_of(recipe_of(), tmp_path / "whole")

    class Broken(BaseException):
        pass

    def breaks(event, values):
        if event == "step" and values["step"] == 7:
            raise Broken

    with pytest.raises(Broken):
        pipeline.train(recipe_of(), out=tmp_path / "broken", watch=breaks)
    path = pipeline.resume(tmp_path / "broken").path
    assert len(kept_events(path)) == 2
    assert {name: (path / name).read_bytes() for name in whole} == whole
