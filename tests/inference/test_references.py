"""The reference: read before training without the method, kept, and checked when read again."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

import loratory
from loratory import pipeline
from loratory.errors import RunError, RunInterruptedError
from loratory.inference.evaluate import evaluate_run
from loratory.inference.references import told_of_idle_rewards
from loratory.recipe.load import load_recipe


@pytest.fixture(scope="module")
def recipe(gpt2_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for split, count in (("train", 12), ("validation", 5)):
        lines = [
            {"prompt": f"{split} {n} is", "chosen": " lovely" * (n % 3 + 1), "rejected": " dull"}
            for n in range(count)
        ]
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    settings = {
        "base": str(gpt2_folder),
        "task": {"kind": "preference"},
        "data": {split: str(folder / f"{split}.jsonl") for split in ("train", "validation")},
        "method": {"kind": "lora", "r": 2, "lora_dropout": 0.2},
        "training": {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2},
    }
    path = folder / "pairs.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def run(recipe, tmp_path_factory):
    return loratory.train(recipe, out=tmp_path_factory.mktemp("runs") / "pairs").path


def events_of(run, name):
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == name]


def steps(run):
    return events_of(run, "step")


def kept(run, split):
    return json.loads((run / "references.json").read_text())[split]["log_probabilities"]


@torch.no_grad()
def stock_reference(folder, texts):
    """Return the log-probability of each text's answer and end, by transformers."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for prompt, answer in texts:
        start = len(tokenizer(prompt)["input_ids"]) + 1
        tokens = torch.tensor([[0, *tokenizer(prompt + answer)["input_ids"], 0]])
        logps = model(tokens).logits[0, :-1].log_softmax(-1)
        found.append(float(logps.gather(1, tokens[0, 1:, None])[start - 1 :].sum()))
    return found


def test_the_reference_is_the_base_by_transformers(run, gpt2_folder):
    texts = [(f"validation {n} is", " lovely" * (n % 3 + 1)) for n in range(5)]
    found = [chosen for chosen, _ in kept(run, "validation")]
    assert found == pytest.approx(stock_reference(gpt2_folder, texts), abs=1e-3)


def test_reading_it_is_a_part_of_what_training_took(run):
    (read,) = events_of(run, "references")
    result = json.loads((run / "result.json").read_text())
    own = sum(step["seconds"] for step in steps(run))
    assert read["seconds"] > 0
    assert result["seconds"] == pytest.approx(own + read["seconds"])


def test_training_begins_at_ln_2_without_a_margin(recipe, tmp_path):
    run = loratory.train(recipe, {"method.lora_dropout": 0.0}, out=tmp_path / "run")
    first, *_, last = steps(run.path)
    assert first["train/loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["train/rewards/accuracies"] == 0
    assert first["train/rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert last["train/loss"] < 0.6
    assert last["train/rewards/chosen"] > last["train/rewards/rejected"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "bitfit", "prefix", "ia3"])
def test_every_method_that_starts_as_the_base_begins_at_ln_2(recipe, tmp_path, kind):
    settings = {"method": None, "method.kind": kind, "training.epochs": 1}
    run = loratory.train(recipe, settings, out=tmp_path / "run")
    first = steps(run.path)[0]
    assert (first["train/loss"] == pytest.approx(math.log(2), abs=1e-6)) == (kind != "prefix")


def test_a_run_that_starts_from_an_adapter_has_that_start_as_reference(run, recipe, tmp_path):
    start = {"method": None, "method.kind": "peft", "method.folder": str(run / "adapter")}
    further = loratory.train(recipe, {**start, "training.epochs": 1}, out=tmp_path / "further").path
    tuned = {
        line["id"]: line["scores"]
        for line in map(json.loads, (run / "predictions/validation.jsonl").read_text().splitlines())
    }
    scores = [tuned[f"validation/{n}"] for n in range(5)]
    expected = [[one["logp_chosen"], one["logp_rejected"]] for one in scores]
    for found, wanted in zip(kept(further, "validation"), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-4)
    assert kept(further, "validation") != kept(run, "validation")


def test_a_finished_run_scores_the_same_rows_of_a_file_alike(run, recipe):
    file = Path(load_recipe(recipe).data.validation)
    by_file, by_split = evaluate_run(run, file=file), evaluate_run(run, split="validation")
    assert by_file.metrics == pytest.approx(by_split.metrics, abs=1e-6)


def test_another_adapter_where_the_run_began_is_no_reference_of_it(run, recipe, tmp_path):
    start = shutil.copytree(run, tmp_path / "start")
    begun = {"method": None, "method.kind": "peft", "method.folder": str(start / "adapter")}
    further = loratory.train(recipe, {**begun, "training.epochs": 1}, out=tmp_path / "run").path
    file = shutil.copy(load_recipe(recipe).data.train, tmp_path / "other.jsonl")
    assert evaluate_run(further, file=Path(file)).rows == 12
    shutil.rmtree(start)
    loratory.train(recipe, {"seed": 5}, out=start)
    with pytest.raises(RunError, match="the start is not what the run began with") as refused:
        evaluate_run(further, file=Path(file))
    assert refused.value.code == "RUN-MISMATCH"


def stopped(recipe, out):
    """Train until the third step has been told of, and stop."""
    seen = []
    settings = load_recipe(recipe, {"training.checkpoint_every": 1})
    with pytest.raises(RunInterruptedError):
        pipeline.train(
            settings,
            out=out,
            watch=lambda event, _: seen.append(event),
            stop=lambda: seen.count("step") == 3,
        )


def test_a_resumed_run_reads_its_reference_back_and_ends_the_same(run, recipe, tmp_path):
    stopped(recipe, tmp_path / "run")
    before = (tmp_path / "run/references.json").read_bytes()
    resumed = loratory.resume(tmp_path / "run").path
    assert (resumed / "references.json").read_bytes() == before
    assert [s["train/loss"] for s in steps(resumed)] == [s["train/loss"] for s in steps(run)]


@pytest.mark.slow
def test_a_reference_that_was_changed_is_refused(recipe, tmp_path):
    stopped(recipe, tmp_path / "run")
    path = tmp_path / "run/references.json"
    values = json.loads(path.read_text())
    values["train"]["log_probabilities"][0][0] += 1.0
    path.write_text(json.dumps(values))
    with pytest.raises(RunError, match="not those of these rows") as error:
        loratory.resume(tmp_path / "run")
    assert error.value.code == "RUN-MISMATCH"


@pytest.mark.parametrize(("reward", "warnings"), [(0.0, 1), (0.01, 0)])
def test_rewards_that_stay_zero_are_told_of_once(reward, warnings):
    told = []
    tell = told_of_idle_rewards(lambda event, /, **_: told.append(event))
    names = {f"train/rewards/{name}": reward for name in ("chosen", "rejected", "margins")}
    for _ in range(50):
        tell("step", **names, **{"train/logps/chosen": -30.0})
    assert told.count("warning") == warnings
