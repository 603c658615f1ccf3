"""Runs as ExecuTorch programs: its runtime says what the run says, in every task and layout."""

import importlib
import json
import shutil

import pytest
import torch
from transformers import AutoTokenizer

from loratory.errors import ConfigError, NumericsError, RunError
from loratory.export import executorch_run
from loratory.export.executorch_run import export_executorch
from loratory.inference.evaluate import evaluate_run
from loratory.inference.opened import open_model
from loratory.inference.tuned import load_run

TEXTS = ["a quiet , lovely film", "dull", "thin and lifeless , far too long , far too cold"]
LONG = "Ada wrote it in 1901. It was long. "
ASKED = [{"question": "When?", "context": LONG * 3}, {"question": "Who?", "context": LONG}]
STUDENT = "{{kind: recurrent, tokenizer: {}, cell: gru, embedding_size: 8, hidden_size: 6}}"


@pytest.fixture(scope="module")
def exported(run_of, gpt2_folder, llama_folder, tmp_path_factory):
    """Return a function from a base and a task to the run and its folder, made once."""
    made = {}

    def export(layout, name):
        if (layout, name) not in made:
            out = tmp_path_factory.mktemp("exported") / "folder"
            if layout == "student":
                run = run_of(STUDENT.format(gpt2_folder), name, **{"method.kind": "full"})
            else:
                run = run_of({"gpt2": gpt2_folder, "llama": llama_folder}[layout], name)
            export_executorch(run, out, rows=9)
            made[layout, name] = run, out
        return made[layout, name]

    return export


WHOLE = [
    ("student", "classify"),
    *(
        pytest.param(layout, name, marks=pytest.mark.slow)
        for layout, name in [
            ("gpt2", "classify"),
            ("llama", "classify"),
            ("llama", "label_words"),
            ("gpt2", "span_qa"),
            ("llama", "text"),
        ]
    ),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("layout", "name"), WHOLE)
def test_it_says_what_the_run_says(exported, layout, name):
    run, folder = exported(layout, name)
    found = json.loads((folder / "certificate.json").read_text())
    assert found["max_logit_difference"] <= 1e-4
    assert (found["changed_predictions"], found["tolerance"]) == (0, 1e-4)
    assert found["metric_difference"] == pytest.approx(0, abs=1e-4)
    assert found["bytes"] == (folder / "model.pte").stat().st_size
    if name != "text":
        items = ASKED if name == "span_qa" else TEXTS
        ours, theirs = (each.predict(items) for each in (load_run(run), open_model(folder)))
        assert [line.prediction for line in theirs] == [line.prediction for line in ours]
        for one, other in zip(ours, theirs, strict=True):
            assert other.scores == pytest.approx(one.scores, abs=1e-4)
    again = evaluate_run(folder, split="test")
    assert again.metrics == pytest.approx(evaluate_run(run, split="test").metrics, abs=1e-4)


def test_the_program_is_read_by_stock_tools_alone(exported):
    run, folder = exported("student", "classify")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Its import warns of what it imports, unless that was kept back before.
    runtime = importlib.import_module("executorch.runtime")
    program = runtime.Runtime.get().load_program(folder / "model.pte").load_method("forward")
    labels = json.loads((folder / "config.json").read_text())["id2label"]
    predicted = []
    # As `how_to_read` in the certificate says.
    for text in TEXTS:
        ids = tokenizer(f"<|endoftext|>{text}", return_tensors="pt")["input_ids"]
        (logits,) = program.execute([ids])
        assert logits.shape == (1, 2)
        predicted.append(labels[str(int(logits.argmax()))])
    assert predicted == [line.prediction for line in load_run(run).predict(TEXTS)]


def test_the_program_says_nothing_of_the_machines_sources(exported):
    _, folder = exported("student", "classify")
    assert b"site-packages" not in (folder / "model.pte").read_bytes()


def test_a_program_that_is_not_the_one_exported_is_refused(exported, tmp_path):
    _, folder = exported("student", "classify")
    shutil.copytree(folder, tmp_path / "copy")
    with (tmp_path / "copy" / "model.pte").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RunError, match="sha256") as refused:
        open_model(tmp_path / "copy")
    assert refused.value.code == "CKPT-BAD"


@pytest.mark.parametrize(
    ("name", "settings", "code"),
    [
        ("classify", {"method.kind": "bottleneck"}, "CFG-MERGE"),
        pytest.param("written_qa", {}, "CFG-EXPORT", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_exported_is_refused(run_of, gpt2_folder, name, settings, code, tmp_path):
    with pytest.raises(ConfigError) as refused:
        export_executorch(run_of(gpt2_folder, name, **settings), tmp_path / "out", rows=4)
    assert refused.value.code == code
    assert not [*tmp_path.iterdir()]


def test_rows_that_are_longer_than_a_program_reads_are_refused(exported, tmp_path, monkeypatch):
    run, _ = exported("student", "classify")
    monkeypatch.setattr(executorch_run, "LONGEST", 3)
    with pytest.raises(ConfigError, match="and a program 3") as refused:
        export_executorch(run, tmp_path / "out", rows=4)
    assert refused.value.code == "CFG-EXPORT"


@pytest.mark.slow
def test_what_computes_something_else_is_not_written(exported, tmp_path, monkeypatch):
    run, _ = exported("student", "classify")
    write = executorch_run.write_program

    def spoilt(network, path, *, longest):
        with torch.no_grad():
            network.head.weight.mul_(1.01)
        return write(network, path, longest=longest)

    monkeypatch.setattr(executorch_run, "write_program", spoilt)
    with pytest.raises(NumericsError, match="ExecuTorch's runtime") as refused:
        export_executorch(run, tmp_path / "out", rows=4)
    assert refused.value.code == "NUM-EXPORT"
    assert not [*tmp_path.iterdir()]
