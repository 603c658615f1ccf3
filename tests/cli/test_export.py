"""`loratory export`: from the command line and from Python, and the folder used as a run is."""

import json
import shutil

import pytest

import loratory as package
from loratory.export import peft_run


@pytest.fixture
def no_peft(monkeypatch):
    """Let the adapter be read here alone, which takes no seconds."""
    monkeypatch.setattr(peft_run, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_peft")
def test_json_has_the_keys_of_every_export(loratory, film_run, films, tmp_path):
    arguments = ("--to", "peft", "--out", tmp_path / "out", "--file", films / "test.csv", "--json")
    ran = loratory("export", film_run, *arguments)
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found.keys() == {"out", "certificate"}
    assert found["out"] == str(tmp_path / "out")
    keys = {"max_logit_difference", "metric_difference", "rows", "tolerance"}
    assert keys <= found["certificate"].keys()
    assert (found["certificate"]["split"], found["certificate"]["rows"]) == ("file", 7)


@pytest.mark.usefixtures("no_peft")
def test_a_person_sees_where_it_is_and_how_far_off(loratory, film_run, tmp_path):
    ran = loratory("export", film_run, "--to", "peft", "--out", tmp_path / "out")
    assert ran.code == 0
    assert "names its base by a folder of this machine" in ran.err
    assert f"model: {tmp_path / 'out'}" in ran.out
    assert "on 9 validation rows, 0 predictions changed" in ran.out


def test_merged_it_is_what_merge_writes(loratory, film_run, tmp_path):
    ran = loratory("export", film_run, "--to", "transformers", "--out", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert "of the weights in float32" in ran.out
    said = loratory("predict", tmp_path / "out", "lovely and moving", "--json")
    assert json.loads(said.out)["predictions"][0]["prediction"] in {"positive", "negative"}
    assert json.loads(loratory("evaluate", tmp_path / "out", "--json").out)["rows"] == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "tflite"), "onnx-int8"),
        ((), "--to"),
        (("--to", "onnx", "--rows", "0"), "error[CFG-RANGE]"),
    ],
)
def test_what_cannot_be_meant_is_refused(loratory, film_run, tmp_path, arguments, said):
    ran = loratory("export", film_run, *arguments, "--out", tmp_path / "out")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_folder_is_used_as_a_run_is(loratory, film_run, films, tmp_path):
    out = tmp_path / "out"
    made = package.export(film_run, "onnx", out, rows=3)
    assert made.certificate["rows"] == 3
    asked = json.loads(loratory("predict", film_run, "dull and cold", "--json").out)
    found = json.loads(loratory("predict", out, "dull and cold", "--json").out)
    assert found["predictions"][0]["prediction"] == asked["predictions"][0]["prediction"]
    scored = [
        json.loads(loratory("evaluate", place, "--file", films / "test.csv", "--json").out)
        for place in (film_run, out)
    ]
    assert scored[0]["metrics"] == pytest.approx(scored[1]["metrics"], abs=1e-4)
    assert package.load(out).predict(["dull"])[0].prediction in ("positive", "negative")
    ran = loratory("predict", out, "dull", "--precision", "bfloat16")
    assert (ran.code, "CFG-PRECISION" in ran.err) == (2, True)


def test_a_folder_of_another_kind_is_refused(loratory, film_run, tmp_path):
    shutil.copy(film_run / "recipe.yaml", tmp_path)
    (tmp_path / "exported.json").write_text('{"kind": "tflite"}')
    ran = loratory("predict", tmp_path, "dull")
    assert (ran.code, "RUN-FOLDER" in ran.err) == (4, True)
