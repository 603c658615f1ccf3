"""Runs as ONNX files: onnxruntime says what the run says, in every task and layout."""

import json
import math
import shutil

import onnx
import onnxruntime
import pytest
from transformers import AutoTokenizer

from loratory.errors import ConfigError, NumericsError, RunError
from loratory.export import onnx_run
from loratory.export.onnx_run import export_onnx
from loratory.inference.evaluate import evaluate_run
from loratory.inference.generate_text import load_writer
from loratory.inference.opened import open_model
from loratory.inference.tuned import load_run
from loratory.recipe.schema import Decoding

TEXTS = ["a quiet , lovely film", "dull", "thin and lifeless , far too long , far too cold"]
LONG = "Ada wrote it in 1901. It was long. "
ASKED = [{"question": "When?", "context": LONG * 3}, {"question": "Who?", "context": LONG}]


@pytest.fixture(scope="module")
def exported(run_of, gpt2_folder, llama_folder, tmp_path_factory):
    """Return a function from a layout, a task and a kind to the run and its folder, made once."""
    bases, made = {"gpt2": gpt2_folder, "llama": llama_folder}, {}

    def export(layout, name, kind="onnx"):
        key = (layout, name, kind)
        if key not in made:
            out = tmp_path_factory.mktemp("exported") / "folder"
            run = run_of(bases[layout], name)
            export_onnx(run, out, kind=kind, rows=9)
            made[key] = run, out
        return made[key]

    return export


RECURRENT = {"cell": "gru", "bidirectional": True, "pooling": "max", "hidden_size": 6}


@pytest.mark.parametrize("kind", ["onnx", "onnx-int8"])
def test_a_recurrent_student_says_what_its_run_says(run_of, gpt2_folder, kind, tmp_path):
    student = {f"base.{name}": value for name, value in RECURRENT.items()}
    base = f"{{kind: recurrent, tokenizer: {gpt2_folder}}}"
    run = run_of(base, "classify", **student, **{"method.kind": "full"})
    found = export_onnx(run, tmp_path / "out", kind=kind, rows=9).certificate
    assert found["changed_predictions"] == 0
    assert 0 < found["max_logit_difference"] < (1e-5 if kind == "onnx" else 0.1)
    ours, theirs = (each.predict(TEXTS) for each in (load_run(run), open_model(tmp_path / "out")))
    assert [line.prediction for line in theirs] == [line.prediction for line in ours]
    again = evaluate_run(tmp_path / "out", split="test")
    assert again.metrics == pytest.approx(evaluate_run(run, split="test").metrics, abs=1e-2)


WRITERS = [
    ("gpt2", "written_qa"),
    *(
        pytest.param(layout, name, marks=pytest.mark.slow)
        for layout, name in [
            ("llama", "written_qa"),
            ("gpt2", "word_problem"),
            ("llama", "word_problem"),
            ("gpt2", "preference"),
            ("llama", "preference"),
            ("gpt2", "text"),
        ]
    ),
]


@pytest.mark.parametrize(("layout", "name"), WRITERS)
def test_a_file_that_writes_writes_what_the_run_writes(exported, layout, name):
    run, folder = exported(layout, name)
    found = json.loads((folder / "certificate.json").read_text())
    assert found["max_logit_difference"] <= 1e-4
    assert found["written"]["max_logit_difference"] <= 1e-4
    assert found["written"]["equal_texts"] == found["written"]["texts"] > 0
    assert found["metric_difference"] == pytest.approx(0, abs=1e-4)
    assert found["changed_predictions"] == (None if name == "text" else 0)
    for decoding in (
        Decoding(max_new_tokens=5),
        Decoding(kind="beam", num_beams=3, max_new_tokens=4, repetition_penalty=1.2),
        Decoding(kind="sample", top_k=20, top_p=0.9, max_new_tokens=5),
    ):
        texts = [
            load_writer(str(path)).write("a quiet", decoding, seed=1) for path in (run, folder)
        ]
        assert texts[0] == texts[1]
        assert texts[0].tokens
    again = evaluate_run(folder, split="test")
    assert again.metrics == pytest.approx(evaluate_run(run, split="test").metrics, abs=1e-4)


WHOLE = [
    ("llama", "span_qa"),
    *(
        pytest.param(layout, name, marks=pytest.mark.slow)
        for layout, name in [
            ("gpt2", "classify"),
            ("llama", "classify"),
            ("gpt2", "label_words"),
            ("llama", "label_words"),
            ("gpt2", "span_qa"),
        ]
    ),
]


@pytest.mark.parametrize(("layout", "name"), WHOLE)
def test_in_float32_it_says_what_the_run_says(exported, layout, name):
    run, folder = exported(layout, name)
    found = json.loads((folder / "certificate.json").read_text())
    assert found["max_logit_difference"] <= 1e-4
    assert (found["changed_predictions"], found["metric_difference"]) == (0, 0)
    if name == "label_words":  # without keys and values, which costs time and nothing else
        texts = [load_writer(str(path)).write("a", Decoding(), seed=0) for path in (run, folder)]
        assert texts[0] == texts[1]
    items = ASKED if name == "span_qa" else TEXTS
    ours, theirs = (each.predict(items) for each in (load_run(run), open_model(folder)))
    assert [line.prediction for line in theirs] == [line.prediction for line in ours]
    for one, other in zip(ours, theirs, strict=True):
        assert other.scores == pytest.approx(one.scores, abs=1e-4)
    again = evaluate_run(folder, split="test")
    assert again.metrics == pytest.approx(evaluate_run(run, split="test").metrics, abs=1e-6)
    assert again.predictions.is_relative_to(folder)


ROUNDED = [
    ("gpt2", "classify"),
    *(
        pytest.param(layout, name, marks=pytest.mark.slow)
        for layout, name in [
            ("llama", "label_words"),
            ("gpt2", "span_qa"),
            ("gpt2", "text"),
            ("gpt2", "written_qa"),
        ]
    ),
]


@pytest.mark.parametrize(("layout", "name"), ROUNDED)
def test_in_int8_it_predicts_the_same_and_is_smaller(exported, layout, name):
    _, folder = exported(layout, name, "onnx-int8")
    found = json.loads((folder / "certificate.json").read_text())
    assert found["equal_predictions"] >= 0.97
    assert 0 < found["max_logit_difference"] < 0.1 * max(1, found["largest_logit"])
    assert found["bytes"] == (folder / "model.onnx").stat().st_size
    kinds = {onnx.TensorProto.FLOAT: 4, onnx.TensorProto.INT8: 1}
    sizes = dict.fromkeys(kinds, 0)
    for tensor in onnx.load(folder / "model.onnx").graph.initializer:
        if tensor.data_type in kinds:
            sizes[tensor.data_type] += math.prod(tensor.dims)
    # What stays in float32 are scales, biases and norms.
    assert sizes[onnx.TensorProto.INT8] > 4 * sizes[onnx.TensorProto.FLOAT]


def test_the_file_is_read_by_stock_tools_alone(exported):
    run, folder = exported("gpt2", "classify", "onnx-int8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # As `how_to_read` in the certificate says.
    texts = [f"<|endoftext|>{text}" for text in TEXTS]
    batch = tokenizer(texts, padding=True, return_tensors="np")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = ("input_ids", "attention_mask")
    (logits,) = session.run(None, {name: batch[name] for name in names})
    assert logits.shape == (3, 2)
    labels = json.loads((folder / "config.json").read_text())["id2label"]
    predicted = [labels[str(number)] for number in logits.argmax(-1)]
    assert predicted == [line.prediction for line in load_run(run).predict(TEXTS)]


def test_the_folder_is_whole_and_says_nothing_of_the_machines_sources(exported):
    _, folder = exported("llama", "span_qa")
    assert b"site-packages" not in (folder / "model.onnx").read_bytes()
    assert {"model.onnx", "tokenizer.json", "recipe.yaml"} <= {p.name for p in folder.iterdir()}


def test_a_file_that_is_not_the_one_exported_is_refused(exported, tmp_path):
    _, folder = exported("llama", "span_qa")
    shutil.copytree(folder, tmp_path / "copy")
    with (tmp_path / "copy" / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RunError, match="sha256") as refused:
        open_model(tmp_path / "copy")
    assert refused.value.code == "CKPT-BAD"


@pytest.mark.parametrize(
    ("name", "settings", "code"),
    [
        ("classify", {"method.kind": "bottleneck"}, "CFG-MERGE"),
    ],
)
def test_what_cannot_be_exported_is_refused(run_of, gpt2_folder, name, settings, code, tmp_path):
    with pytest.raises(ConfigError) as refused:
        export_onnx(run_of(gpt2_folder, name, **settings), tmp_path / "out", kind="onnx", rows=4)
    assert refused.value.code == code
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("kind", ["onnx", "onnx-int8"])
def test_what_computes_something_else_is_not_written(exported, kind, tmp_path, monkeypatch):
    run, folder = exported("llama", "span_qa")
    opened = onnx_run.open_model

    def spoilt(place):
        tuned = opened(place)
        tuned.base.network.get_submodule("qa_outputs").weight.data.mul_(-1)
        return tuned

    # The file is there already; to make it again takes seconds.
    monkeypatch.setattr(
        onnx_run, "write_graph", lambda _, path, **__: shutil.copy(folder / "model.onnx", path)
    )
    monkeypatch.setattr(onnx_run, "round_graph", shutil.copy)
    monkeypatch.setattr(onnx_run, "open_model", spoilt)
    with pytest.raises(NumericsError) as refused:
        export_onnx(run, tmp_path / "out", kind=kind, rows=9)
    assert refused.value.code == "NUM-EXPORT"
    assert not [*tmp_path.iterdir()]


def test_int8_is_not_judged_by_fewer_rows_than_there_are_to_show_it(run_of, gpt2_folder, tmp_path):
    with pytest.raises(ConfigError, match=r"CFG-RANGE.*97%") as refused:
        export_onnx(run_of(gpt2_folder, "span_qa"), tmp_path / "out", kind="onnx-int8", rows=1)
    assert refused.value.expected == "at least 5"
    assert not [*tmp_path.iterdir()]
