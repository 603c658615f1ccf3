"""What a recipe and a run make: the same start for the same seed, and the trained model."""

import json

import pytest
from safetensors.torch import load_file, save_file

from loratory import pipeline
from loratory.errors import DataError, ModelError, NumericsError, RunError
from loratory.inference.asked import asked_rows
from loratory.inference.tuned import load_run, untrained
from loratory.methods.trained import trained_tensors
from loratory.recipe.load import load_recipe
from loratory.runs.manifest import MANIFEST, write_manifest
from loratory.train import compute

LABELS = ("negative", "positive")
ADAPTER = "adapter_model.safetensors"


def made(film_recipe, settings):
    recipe = load_recipe(film_recipe, {"task.labels": list(LABELS), **settings})
    return untrained(recipe)


def start(film_recipe, **settings):
    return trained_tensors(made(film_recipe, settings).base.network)


def test_the_same_seed_is_the_same_start(film_recipe):
    one, other = start(film_recipe), start(film_recipe)
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)


def test_another_seed_is_another_start_of_every_tensor_but_the_zeros(film_recipe):
    one, other = start(film_recipe), start(film_recipe, seed=1)
    same = {name for name in one if one[name].equal(other[name])}
    assert same == {name for name in one if name.endswith("lora_B")} | {"score.weight"}


def test_the_recipe_is_complete_and_holds_from_anywhere(film_recipe, films, monkeypatch):
    monkeypatch.chdir(films)
    settings = {"data.train": "train.csv", "data.validation": "./validation.csv", "data.test": None}
    resolved = made(film_recipe, settings).recipe
    assert resolved.task.labels == LABELS
    assert resolved.data.train == str((films / "train.csv").resolve())
    assert resolved.data.validation == str((films / "validation.csv").resolve())
    assert resolved.data.test is None


def test_a_loaded_run_predicts_what_training_predicted(tuned, predicted):
    rows = predicted("test").rows
    for line, row in zip(tuned.predict([row["text"] for row in rows]), rows, strict=True):
        assert (line.text, line.prediction) == (row["text"], row["prediction"])
        assert line.scores == pytest.approx(row["scores"], rel=1e-5)
        assert line.target is None


def test_predictions_are_numbered_in_order(tuned):
    assert [line.id for line in tuned.predict(["lovely", "dull", "lovely"])] == ["0", "1", "2"]


def test_scores_are_probabilities_of_every_label_and_the_largest_wins(tuned):
    for line in tuned.predict(["lovely moving", "dull", "cold thin lifeless"]):
        assert tuple(line.scores) == tuned.recipe.task.labels == LABELS
        assert sum(line.scores.values()) == pytest.approx(1)
        assert line.scores[line.prediction] == max(line.scores.values())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_no_answers(film_run, value):
    broken = load_run(film_run)
    broken.base.network.get_parameter("score.weight").data[0] = value
    with pytest.raises(NumericsError, match=r"NUM-NAN.*at 0") as caught:
        broken.predict(["lovely"])
    assert caught.value.exit_code == 7
    rows = asked_rows(["lovely", "dull"], "labelled")
    with pytest.raises(NumericsError, match="NUM-NAN"):
        broken.evaluate(rows, broken.task.encode(rows))


def test_no_texts_have_no_predictions(tuned):
    assert tuned.predict([]) == []


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "a\0b", "\ud800", None, 3])
def test_a_text_that_no_model_can_read_is_refused_by_its_number(tuned, text):
    with pytest.raises(DataError, match=r"DATA-TEXT.*at text 2"):
        tuned.predict(["fine", text])


def test_a_text_that_is_too_long_is_refused(tuned):
    with pytest.raises(DataError, match=r"DATA-TRUNC.*at text 1, got .* tokens"):
        tuned.predict(["long " * 100])


def test_one_text_instead_of_a_list_is_no_list_of_letters(tuned):
    with pytest.raises(TypeError, match="a list of texts"):
        tuned.predict("lovely")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="RUN-FOLDER") as caught:
        load_run(tmp_path)
    assert caught.value.exit_code == 4


def test_a_run_that_has_not_finished_says_how_to_finish_it(copied_run):
    (copied_run / "adapter").rename(copied_run / "elsewhere")
    with pytest.raises(RunError, match=rf"RUN-UNFINISHED.*\n.*--resume {copied_run}"):
        load_run(copied_run)


def test_a_flipped_bit_in_the_adapter_is_seen(copied_run):
    path = copied_run / "adapter" / ADAPTER
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match=f"CKPT-BAD.*adapter is damaged.*{ADAPTER}"):
        load_run(copied_run)


def test_an_adapter_with_a_nan_is_refused(copied_run):
    path = copied_run / "adapter" / ADAPTER
    tensors = load_file(path)
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, path)
    (path.parent / MANIFEST).unlink()
    write_manifest(path.parent, {})
    with pytest.raises(NumericsError, match="ADAPTER-NAN") as caught:
        load_run(copied_run)
    assert caught.value.exit_code == 7


def test_a_base_that_has_changed_since_is_refused(copied_run):
    path = copied_run / "environment.json"
    environment = json.loads(path.read_text())
    environment["digests"]["base"] = "0" * 64
    path.write_text(json.dumps(environment))
    with pytest.raises(ModelError, match=r"ADAPTER-BASE.*expected 0000") as caught:
        load_run(copied_run)
    assert caught.value.exit_code == 8


@pytest.mark.parametrize(
    ("kind", "precision"), [("full", "float32"), ("bitfit", "float32"), ("head", "bfloat16")]
)
def test_what_trains_of_the_base_is_float32_also_where_bfloat16_is_faster(
    film_recipe, tmp_path, monkeypatch, kind, precision
):
    """Also when it is loaded by what its environment says of it."""
    monkeypatch.setattr(compute, "_bfloat16_is_faster", lambda *_: True)
    recipe, method = tmp_path / "small.yaml", "method: {r: 4, lora_dropout: 0.1}"
    recipe.write_text(film_recipe.read_text().replace(method, f"method: {{kind: {kind}}}"))
    settings = ["training.precision=auto", "training.learning_rate=1e-3", "training.epochs=1"]
    run = pipeline.train(load_recipe(recipe, settings), out=tmp_path / "run")
    tuned = load_run(run.path)
    assert tuned.compute.precision == precision
    assert json.loads((run.path / "environment.json").read_text())["compute"]["precision"] == (
        precision
    )
    head = tuned.base.network.get_submodule("score")
    assert str(head.weight.dtype) == "torch.float32"


def test_what_was_chosen_after_training_goes_with_the_adapter(film_run):
    kept = film_run / "adapter" / "settled.json"
    assert kept.read_bytes() == (film_run / "settled.json").read_bytes()
