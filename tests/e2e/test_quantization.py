"""Runs that are trained for whole numbers: stopped and resumed, read back, with states kept."""

import pytest

from loratory import pipeline
from loratory.errors import RunInterruptedError
from loratory.inference.tuned import load_run
from loratory.metrics.predictions import read_predictions
from loratory.recipe.load import load_recipe

ADAPTER = "adapter/adapter_model.safetensors"


def recipe(film_recipe, base, **settings):
    usual = {"base": str(base), "method.lora_dropout": 0.0, "quantization": {"kind": "int8"}}
    return load_recipe(film_recipe, usual | settings)


def test_a_stopped_run_goes_on_bit_for_bit(film_recipe, llama_folder, tmp_path):
    given = recipe(film_recipe, llama_folder)
    whole = pipeline.train(given, out=tmp_path / "whole")
    steps = iter([False, False, True])
    with pytest.raises(RunInterruptedError):
        pipeline.train(given, out=tmp_path / "parts", stop=lambda: next(steps))
    parts = pipeline.resume(tmp_path / "parts")
    assert parts.metrics == whole.metrics
    assert (tmp_path / "parts" / ADAPTER).read_bytes() == (
        tmp_path / "whole" / ADAPTER
    ).read_bytes()


def test_read_back_it_says_what_it_said_when_it_was_trained(film_recipe, llama_folder, tmp_path):
    section = {"kind": "int4", "group_size": 8, "activations": "int8"}
    pipeline.train(recipe(film_recipe, llama_folder, quantization=section), out=tmp_path / "run")
    tuned = load_run(tmp_path / "run")
    assert tuned.rounded is not None
    lines = read_predictions(tmp_path / "run" / "predictions" / "test.jsonl")
    again = tuned.predict([line.text for line in lines])
    for line, found in zip(lines, again, strict=True):
        assert found.scores == pytest.approx(line.scores, abs=1e-4)


@pytest.mark.slow
def test_states_below_what_trains_are_kept_and_change_nothing(film_recipe, gpt2_folder, tmp_path):
    top = {"method.layers_to_transform": [1], "quantization": {"kind": "int4", "group_size": 8}}
    losses: list[list[float]] = []
    kept = []
    for where in ("memory", "off"):
        given = recipe(film_recipe, gpt2_folder, **top, **{"training.frozen_states": where})
        events = []
        pipeline.train(
            given, out=tmp_path / where, watch=lambda *event, to=events: to.append(event)
        )
        kept += [values["where"] for event, values in events if event == "frozen_states"]
        losses.append([v["train/loss"] for event, v in events if event == "step"])
    assert kept == ["memory"]
    assert losses[0][0] == pytest.approx(losses[1][0], abs=1e-5)
    # A last digit may put a weight on the other side of a step, and training goes on from there.
    assert losses[0] == pytest.approx(losses[1], abs=0.02)
