"""What a run can be exported to: each kind writes its own files, and a certificate with each."""

import json
import shutil

import pytest

from loratory.errors import RunError
from loratory.export import peft_run
from loratory.export.export import export_run
from loratory.inference.evaluate import evaluate_run
from loratory.inference.opened import export_kind, open_model

FILES = {
    "peft": "adapter_model.safetensors",
    "transformers": "model.safetensors",
    "onnx": "model.onnx",
    "onnx-int8": "model.onnx",
    "executorch": "model.pte",
    "gguf": "model.gguf",
}
KEYS = {
    *("max_logit_difference", "metric_difference", "rows", "tolerance"),
    *("bytes", "float32_bytes", "share_of_float32"),
}


@pytest.mark.parametrize(
    "to",
    [
        "transformers",
        *(pytest.param(to, marks=pytest.mark.slow) for to in FILES if to != "transformers"),
    ],
)
def test_each_kind_has_its_file_and_its_certificate(run_of, gpt2_folder, to, tmp_path):
    run = run_of(gpt2_folder, "text" if to == "gguf" else "span_qa")
    made = export_run(run, tmp_path / "out", to=to, rows=5)
    assert (tmp_path / "out" / FILES[to]).is_file()
    assert made.certificate == json.loads((tmp_path / "out" / "certificate.json").read_text())
    assert made.certificate.keys() >= KEYS
    assert made.certificate["rows"] == 5
    assert made.certificate["bytes"] == (tmp_path / "out" / FILES[to]).stat().st_size


@pytest.mark.parametrize("to", ["peft", "transformers"])
@pytest.mark.parametrize("name", ["classify", "span_qa", "preference"])
def test_the_folder_answers_and_is_scored_as_the_run(
    run_of, llama_folder, name, to, tmp_path, monkeypatch
):
    monkeypatch.setattr(peft_run, "find_spec", lambda _: None)
    run, out = run_of(llama_folder, name), tmp_path / "out"
    export_run(run, out, to=to, rows=3)
    assert export_kind(out) == to
    found, expected = (evaluate_run(folder, split="test") for folder in (out, run))
    assert found.rows == expected.rows
    assert found.metrics == pytest.approx(expected.metrics, abs=1e-4)


def test_an_adapter_that_went_on_from_another_is_opened_by_itself(
    run_of, llama_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(peft_run, "find_spec", lambda _: None)
    start = shutil.copytree(run_of(llama_folder) / "adapter", tmp_path / "start")
    run = run_of(llama_folder, **{"method.kind": "peft", "method.folder": str(start)})
    shutil.rmtree(start)
    export_run(run, tmp_path / "out", to="peft", rows=3)
    found, expected = (open_model(folder).predict(["dull"]) for folder in (tmp_path / "out", run))
    assert found[0].scores == pytest.approx(expected[0].scores, abs=1e-5)


def test_a_folder_that_was_written_is_no_run_to_export_again(run_of, llama_folder, tmp_path):
    export_run(run_of(llama_folder), tmp_path / "out", to="transformers", rows=3)
    with pytest.raises(RunError, match="what a run was exported to"):
        export_run(tmp_path / "out", tmp_path / "again", to="transformers")
