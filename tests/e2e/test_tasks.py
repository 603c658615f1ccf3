"""A run of every task and method: what it leaves, how it goes on, and what it says afterwards."""

import json
import os
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
)

from loratory import pipeline
from loratory.errors import RunInterruptedError
from loratory.inference.evaluate import evaluate_run
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.runs.log import read_events

ROWS = {"train": 12, "validation": 4, "test": 3}
UNTUNED = {"training.score_untuned": True}
WINDOWS = {"task.kind": "span_qa", "task.max_length": 96, "task.stride": 24}
ASKED = {"question": "When was bridge 3 built?", "context": "Bridge 3 was built in 1903."}
TASKS = {
    "classify": {"task.kind": "classify"},
    "label_words": {"task.kind": "label_words", "task.words": ["lovely", "dull"]} | UNTUNED,
    "span_qa": WINDOWS,
    "span_qa_v2": WINDOWS | {"task.unanswerable": True, "task.threshold_rows": 6},
    "written_qa": {"task.kind": "written_qa", "task.decoding.max_new_tokens": 4} | UNTUNED,
    "text": {"task.kind": "text", "task.max_length": 32} | UNTUNED,
}
SETTLED = {name: {"temperature"} for name in ("classify", "label_words")}
SETTLED["span_qa_v2"] = {"no_answer_threshold"}
MAIN = dict.fromkeys(TASKS, "f1") | dict.fromkeys(("classify", "label_words"), "accuracy")
MAIN["text"] = "perplexity"
QUICK = {
    "training.epochs": 2,
    "training.batch_size": 6,
    "training.evaluate_every": 1,
    "training.checkpoint_every": 2,
    "training.learning_rate": 0.01,
    "training.precision": "float32",
    "training.device": "cpu",
    "training.threads": 1,
    "method.lora_dropout": 0.1,
}


class CrashError(Exception):
    """What a watcher raises in the middle of a run."""


@pytest.fixture(scope="module")
def base(gpt2_folder, tmp_path_factory):
    """Return a folder with a random GPT-2, 2 layers of 16, that reads 256 tokens."""
    folder = shutil.copytree(gpt2_folder, tmp_path_factory.mktemp("base") / "gpt2")
    torch.manual_seed(0)
    sizes = {"n_positions": 256, "n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 320}
    GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(films, tmp_path_factory):
    """Return a folder with small splits of every kind of rows."""
    folder = tmp_path_factory.mktemp("data")
    for split, count in ROWS.items():
        shutil.copy(films / f"{split}.csv", folder / f"{split}.csv")
        texts = [f"{split} text {number}: " + "quiet and lovely " * 9 for number in range(count)]
        (folder / f"{split}.txt").write_text("\n\n".join(texts))
        for version in ("1.1", "2.0"):
            articles = [article(split, number, version) for number in range(count)]
            path = folder / f"{split}-{version}.json"
            path.write_text(json.dumps({"version": version, "data": articles}))
    return folder


def article(split, number, version):
    context = f"Bridge {number} of {split} was built in {1900 + number}, and it is not short."
    year = str(1900 + number)
    answers = [{"text": year, "answer_start": context.index(year)}]
    qas = [{"id": f"{split}-{number}", "question": f"When was bridge {number} built?"}]
    qas[0] |= {"answers": answers, "is_impossible": False}
    none = {"id": f"{split}-{number}-x", "question": "Who?", "answers": [], "is_impossible": True}
    qas += [none] if version == "2.0" else []
    return {"title": f"{split} {number}", "paragraphs": [{"context": context, "qas": qas}]}


ENDINGS = {"text": ".txt", "span_qa": "-1.1.json"}
ENDINGS |= dict.fromkeys(("span_qa_v2", "written_qa"), "-2.0.json")


@pytest.fixture(scope="module")
def recipe_of(base, data, tmp_path_factory):
    """Return a function from a task's name, and settings, to its recipe."""
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"

    def made(name, **further):
        ending = ENDINGS.get(name, ".csv")
        splits = "\n".join(f"  {split}: {data / (split + ending)}" for split in ROWS)
        path.write_text(f"base: {base}\ndata:\n{splits}\n")
        settings = {**QUICK, **TASKS[name], **further}
        if further.get("method.kind", "lora") != "lora":
            settings.pop("method.lora_dropout")
        return load_recipe(path, settings)

    return made


@pytest.fixture(scope="module")
def run_of(recipe_of, tmp_path_factory):
    """Return a function from a task's name to its finished run, made once."""
    runs = {}

    def run(name, **further):
        key = (name, *further.items())
        if key not in runs:
            out = tmp_path_factory.mktemp("run") / "run"
            runs[key] = pipeline.train(recipe_of(name, **further), out=out)
        return runs[key]

    return run


def contents(path):
    """Return the bytes of everything that a resumed run must have in common with another."""
    parts = ("last", "best", "adapter", "predictions")
    paths = [p for part in parts for p in (path / part).rglob("*") if p.is_file()]
    paths += [path / "settled.json"] if (path / "settled.json").is_file() else []
    return {str(p.relative_to(path)): p.read_bytes() for p in paths}


def watch_for(number, name, action):
    """Return a watcher that acts on the event called `name` when it comes that often."""
    seen = []

    def watch(event, _values):
        seen.append(event)
        if event == name and seen.count(name) == number:
            action()

    return watch


def crash():
    raise CrashError


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("name", TASKS)
def test_a_result_says_what_was_measured_and_on_what(run_of, name):
    run = run_of(name)
    result = json.loads((run.path / "result.json").read_text())
    assert result["task"] == TASKS[name]["task.kind"]
    assert result["score_rule"] == ("sum" if name == "label_words" else None)
    assert result["cut"].keys() == ({"validation", "test"} if name == "written_qa" else set())
    assert (result["main_metric"], result["stopped"]) == (MAIN[name], "finished")
    assert result["metrics"].keys() >= {MAIN[name], *result["intervals"]}
    splits = {*ROWS, *(["threshold"] if name == "span_qa_v2" else [])}
    assert result["rows"].keys() == result["windows"].keys() == splits
    assert all(result["windows"][split] >= result["rows"][split] for split in splits)
    assert result["evaluation"].keys() == {"validation", "test"}
    assert result["settled"].keys() == SETTLED.get(name, set())
    names = [baseline["name"] for baseline in result["baselines"]["test"]]
    assert ("untuned base" in names) == TASKS[name].get("training.score_untuned", False)
    assert (run.path / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("name", TASKS)
def test_the_predictions_are_one_line_for_each_row(run_of, name):
    run = run_of(name)
    untuned = TASKS[name].get("training.score_untuned", False)
    splits = ["validation", "test", *(["untuned-validation", "untuned-test"] if untuned else [])]
    found = {path.stem: path.read_text() for path in (run.path / "predictions").iterdir()}
    assert found.keys() == {*splits}
    for split, text in found.items():
        lines = [json.loads(line) for line in text.splitlines()]
        assert len(lines) == run.result["rows"][split.removeprefix("untuned-")]
        assert len({line["id"] for line in lines}) == len(lines)


@pytest.mark.parametrize("name", TASKS)
def test_a_run_scored_again_gives_its_own_numbers_and_bytes(run_of, name, tmp_path):
    run = run_of(name)
    copy = shutil.copytree(run.path, tmp_path / "run")
    for split in ("validation", "test"):
        found = evaluate_run(copy, split=split)
        assert found.metrics == run.result["evaluation"][split]["metrics"]
        kept = run.path / "predictions" / f"{split}.jsonl"
        assert found.predictions.read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("name", ["classify", "label_words", "text"])
def test_a_loaded_run_predicts_texts(run_of, name):
    kept = (run_of(name).path / "predictions" / "test.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in kept]
    found = load_run(run_of(name).path).predict([line["text"] for line in lines])
    for ours, line in zip(found, lines, strict=True):
        assert (ours.prediction, ours.target) == (line["prediction"], None)
        assert ours.scores == pytest.approx(line["scores"], rel=1e-4)


@pytest.mark.parametrize("name", ["span_qa", "span_qa_v2", "written_qa"])
def test_a_loaded_run_answers_questions(run_of, name):
    tuned = run_of(name).load()
    one, other = tuned.predict([ASKED, {**ASKED, "question": "Who?"}])
    assert (one.id, one.text, other.id) == ("0", ASKED["question"], "1")
    assert one.target is other.target is None
    if name != "written_qa":
        assert one.prediction in ASKED["context"]


CRASHES = [(1, "checkpoint"), (3, "step"), (1, "stop")]


@pytest.mark.parametrize("crash_at", [*CRASHES, "threshold", "test"], ids=str)
def test_a_chosen_threshold_is_chosen_again(recipe_of, run_of, tmp_path, crash_at):
    if isinstance(crash_at, str):
        log = read_events(run_of("span_qa_v2").path / "log.jsonl")
        looks = [event["split"] for event in log if event["event"] == "evaluation"]
        crash_at = (1 + looks.index(crash_at), "evaluation")
    require_same_after(crash_at, "span_qa_v2", recipe_of, run_of, tmp_path)


@pytest.mark.parametrize("crash_at", [(1, "untuned"), *CRASHES], ids=str)
def test_the_untuned_base_is_scored_once(recipe_of, run_of, tmp_path, crash_at):
    require_same_after(crash_at, "label_words", recipe_of, run_of, tmp_path)
    events = read_events(tmp_path / "run" / "log.jsonl")
    untuned = [event["split"] for event in events if event["event"] == "untuned"]
    assert untuned == ["validation", "test"]


def require_same_after(crash_at, name, recipe_of, run_of, folder, **settings):
    """Break a run off at that event, resume it, and compare with one that nothing happened to."""
    whole, out = run_of(name, **settings), folder / "run"
    recipe = recipe_of(name, **settings)
    with pytest.raises(CrashError):
        pipeline.train(recipe, out=out, watch=watch_for(*crash_at, crash))
    assert not (out / "result.json").exists()
    run = pipeline.resume(out)
    assert contents(out) == contents(whole.path)
    for key in ("metrics", "intervals", "baselines", "settled", "windows", "best_step", "steps"):
        assert run.result[key] == whole.result[key]
    return run


def test_a_base_as_it_is_is_scored_and_nothing_else(run_of):
    run = run_of("label_words", **{"method.kind": "none"})
    assert (run.result["steps"], run.result["stopped"]) == (0, "finished")
    assert run.result["trainable_parameters"] == 0
    assert not (run.path / "last").exists()
    assert not (run.path / "best").exists()
    (untuned, *_) = run.result["baselines"]["test"]
    assert untuned["metrics"] == run.metrics
    assert [line.id for line in load_run(run.path).predict(["lovely", "dull"])] == ["0", "1"]


@pytest.mark.parametrize("stage", [(1, "untuned"), (1, "evaluation"), (1, "stop")], ids=str)
def test_a_base_as_it_is_goes_on_to_the_same_bytes(recipe_of, run_of, tmp_path, stage):
    settings = {"method.kind": "none"}
    run = require_same_after(stage, "label_words", recipe_of, run_of, tmp_path, **settings)
    assert run.result["evaluation"]["validation"]["loss"] is not None


def test_of_a_linear_probe_the_head_alone_trains(run_of):
    run = run_of("classify", **{"method.kind": "head"})
    assert run.result["trainable_parameters"] == 2 * 16
    assert run.result["steps"] > 0
    assert load_file(run.path / "adapter" / "trained.safetensors").keys() == {"score.weight"}
    assert len(load_run(run.path).predict(["lovely"])) == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("classify", AutoModelForSequenceClassification), ("text", AutoModelForCausalLM)],
)
def test_full_fine_tuning_goes_on_to_the_same_bytes_and_leaves_a_model(
    recipe_of, run_of, tmp_path, name, kind
):
    settings = {"method.kind": "full", "training.learning_rate": 1e-3, "training.precision": "auto"}
    whole, out = run_of(name, **settings), tmp_path / "run"
    assert whole.result["trainable_parameters"] == whole.result["total_parameters"]
    recipe, watch = recipe_of(name, **settings), watch_for(2, "step", interrupt)
    with pytest.raises(RunInterruptedError):
        pipeline.train(recipe, out=out, watch=watch)
    run = pipeline.resume(out)
    assert contents(out) == contents(whole.path)
    assert run.metrics == whole.metrics
    _, info = kind.from_pretrained(out / "adapter", output_loading_info=True)
    assert not info["missing_keys"]
    assert len(load_run(out).predict(["lovely"])) == 1
    assert evaluate_run(out).metrics == whole.metrics
