"""What a run can be exported to: each kind writes its own files, and a certificate with each."""

import json

import pytest

from loratory.export.export import export_run

FILES = {
    "peft": "adapter_model.safetensors",
    "transformers": "model.safetensors",
    "onnx": "model.onnx",
    "onnx-int8": "model.onnx",
    "executorch": "model.pte",
    "gguf": "model.gguf",
}
KEYS = {"max_logit_difference", "metric_difference", "rows", "tolerance"}


@pytest.mark.parametrize(
    "to",
    [
        "transformers",
        *(pytest.param(to, marks=pytest.mark.slow) for to in FILES if to != "transformers"),
    ],
)
def test_each_kind_has_its_file_and_its_certificate(run_of, gpt2_folder, to, tmp_path):
    run = run_of(gpt2_folder, "text" if to == "gguf" else "classify")
    made = export_run(run, tmp_path / "out", to=to, rows=3)
    assert (tmp_path / "out" / FILES[to]).is_file()
    assert made.certificate == json.loads((tmp_path / "out" / "certificate.json").read_text())
    assert made.certificate.keys() >= KEYS
    assert made.certificate["rows"] == 3
