"""Another number format than that of training: the run's answers but for rounding, or refused."""

import pytest

from loratory import pipeline
from loratory.errors import ConfigError
from loratory.inference.evaluate import evaluate_run
from loratory.inference.precision import in_precision
from loratory.inference.predict_texts import predict_texts
from loratory.inference.tuned import load_run
from loratory.methods.method import adapted_layers
from loratory.models.int8 import multiplies_exactly
from loratory.models.int8_linear import Int8Linear
from loratory.recipe.load import load_recipe

TEXTS = ["a quiet , lovely film", "dull , lifeless and far too long", "thin jokes"]


@pytest.fixture
def run(film_recipe, tmp_path):
    """Return a function that trains by the recipe, changed, and returns the run's folder."""

    def run(**changed):
        settings = {"training.precision": "float32", **changed}
        return pipeline.train(load_recipe(film_recipe, settings), out=tmp_path / "run").path

    return run


@pytest.mark.skipif(not multiplies_exactly(), reason="this processor has no exact int8 product")
def test_in_int8_a_float32_runs_adapter_is_in_the_rounded_weights(run):
    path = run()
    tuned = load_run(path, overrides=in_precision(path, "int8"))
    network = tuned.base.network
    assert tuned.compute.precision == "int8"
    assert not adapted_layers(network)
    assert any(isinstance(layer, Int8Linear) for layer in network.modules())
    exact, found = predict_texts(path, TEXTS), predict_texts(path, TEXTS, precision="int8")
    for one, other in zip(exact, found, strict=True):
        assert other.scores == pytest.approx(one.scores, abs=0.05)


@pytest.mark.skipif(not multiplies_exactly(), reason="this processor has no exact int8 product")
def test_scores_in_another_format_leave_the_runs_own_predictions(run):
    path = run()
    own = (path / "predictions" / "validation.jsonl").read_bytes()
    found = evaluate_run(path, split="validation", precision="int8")
    assert found.predictions.name == "validation-int8.jsonl"
    assert found.predictions.is_file()
    assert (path / "predictions" / "validation.jsonl").read_bytes() == own


def test_nothing_said_is_as_it_was_trained(run):
    assert in_precision(run(), None) == {}


def test_weights_that_trained_in_float32_are_not_cut_to_bfloat16(run):
    path = run(method={"kind": "full"})
    assert in_precision(path, "float32") == {"training.precision": "float32"}
    with pytest.raises(ConfigError) as caught:
        in_precision(path, "bfloat16")
    assert caught.value.code == "CFG-PRECISION"
