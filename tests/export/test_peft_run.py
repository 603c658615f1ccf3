"""Adapters for others: PEFT makes of the folder what the run says, whatever method and head."""

import json
import shutil
import sys

import pytest
from safetensors.torch import load_file, save_file

from loratory.errors import ConfigError, NumericsError
from loratory.export import peft_run
from loratory.export.peft_run import export_peft


@pytest.mark.parametrize(
    ("name", "base", "method"),
    [
        ("span_qa", "llama_folder", "lora"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("classify", "gpt2_folder", "lora"),
                ("label_words", "llama_folder", "ia3"),
                ("classify", "llama_folder", "prompt"),
                ("label_words", "gpt2_folder", "prefix"),
            ]
        ),
    ],
)
def test_peft_computes_what_the_run_does(run_of, name, base, method, request, tmp_path):
    run = run_of(request.getfixturevalue(base), name, **{"method.kind": method})
    found = export_peft(run, tmp_path / "adapter", rows=4).certificate
    assert found["read_by"] == "Loratory and PEFT"
    assert found["rows"] == 4
    assert found["changed_predictions"] == 0
    assert found == json.loads((tmp_path / "adapter" / "certificate.json").read_text())
    assert (tmp_path / "adapter" / "tokenizer.json").is_file()


def test_without_peft_it_is_read_here(run_of, llama_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    run = run_of(llama_folder, "span_qa")
    found = export_peft(run, tmp_path / "adapter", rows=4).certificate
    assert (found["read_by"], found["max_logit_difference"]) == ("Loratory", 0)


def test_a_base_that_only_this_machine_has_is_told_of(run_of, llama_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    made = export_peft(run_of(llama_folder, "span_qa"), tmp_path / "adapter", rows=1)
    assert str(llama_folder) in made.warnings[-1]


def test_an_adapter_that_computes_something_else_is_not_written(
    run_of, llama_folder, tmp_path, monkeypatch
):
    def spoilt(source, target):
        tensors = load_file(source)
        save_file({name: -tensor for name, tensor in tensors.items()}, target)

    copy = shutil.copyfile
    monkeypatch.setattr(
        peft_run.shutil,
        "copyfile",
        lambda a, b: spoilt(a, b) if a.suffix == ".safetensors" else copy(a, b),
    )
    with pytest.raises(NumericsError) as refused:
        export_peft(run_of(llama_folder, "span_qa"), tmp_path / "adapter", rows=4)
    assert refused.value.code == "NUM-EXPORT"
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("kind", "merges"), [("head", True), ("bottleneck", False)])
def test_what_peft_does_not_know_is_refused(run_of, gpt2_folder, tmp_path, kind, merges):
    with pytest.raises(ConfigError) as refused:
        export_peft(run_of(gpt2_folder, **{"method.kind": kind}), tmp_path / "out", rows=4)
    assert refused.value.code == "CFG-EXPORT"
    assert ("--to transformers" in refused.value.fix) == merges
    assert not [*tmp_path.iterdir()]
