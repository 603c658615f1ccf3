"""`loratory params`: what is counted, for people and for programs, and without what."""

import json
import shutil
import subprocess
import sys

import pytest

PARTS = {"embeddings", "attention", "feed_forward", "norms", "head", "other", "method"}
# Of the tiny GPT-2: its embeddings, its blocks and its last norm; LoRA of rank 2 on all of them.
TINY = (320 + 64) * 16 + 2 * (3072 + 144 + 64) + 32
RANK_2 = 2 * 2 * (64 + 32 + 80 + 80)


def test_json_is_one_object_of_numbers_that_add_up(loratory, gpt2_folder):
    ran = loratory("params", "--base", gpt2_folder, "--method", "lora", "method.r=2", "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert (found["total"], found["trainable"], found["frozen"]) == (TINY + RANK_2, RANK_2, TINY)
    assert found["share"] == pytest.approx(RANK_2 / (TINY + RANK_2))
    assert (found["adapter_bytes"], found["optimizer_bytes"]) == (4 * RANK_2, 12 * RANK_2)
    assert found["parts"].keys() == PARTS
    for number in ("total", "trainable", "frozen"):
        assert sum(part[number] for part in found["parts"].values()) == found[number]


def test_a_person_sees_a_row_a_part_and_what_it_costs(loratory, gpt2_folder):
    ran = loratory("params", "--base", gpt2_folder, "--method", "lora", "method.r=2")
    assert (ran.code, ran.err) == (0, "")
    rows = {}
    for line in ran.out.splitlines():
        name, *cells = line.replace("│", "|").strip("| ").split("|")
        rows[name.strip()] = [cell.strip() for cell in cells]
    assert rows["embeddings"] == [f"{384 * 16:,}", "0", f"{384 * 16:,}"]
    assert rows["added by the method"] == [f"{RANK_2:,}", f"{RANK_2:,}", "0"]
    assert rows["all"] == [f"{TINY + RANK_2:,}", f"{RANK_2:,}", f"{TINY:,}"]
    assert {"attention", "feed-forward", "norms", "head", "other"} <= rows.keys()
    assert f"trainable: {100 * RANK_2 / (TINY + RANK_2):.4f} % of all" in ran.out
    assert "adapter:" in ran.out
    assert "AdamW's two moments and the gradient" in ran.out


def test_a_recipe_is_counted_with_its_overrides(loratory, film_recipe):
    ran = loratory("params", film_recipe, "method.r=2", "task.labels=[a, b, c]", "--json")
    found = json.loads(ran.out)
    assert (found["trainable"], found["parts"]["head"]["total"]) == (RANK_2 + 3 * 16, 3 * 16)


def test_nothing_is_written(loratory, film_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert loratory("params", film_recipe).code == 0
    assert not list(tmp_path.iterdir())


def test_a_base_needs_no_weights(loratory, gpt2_folder, tmp_path):
    bare = shutil.copytree(
        gpt2_folder, tmp_path / "bare", ignore=shutil.ignore_patterns("*.safetensors")
    )
    ran = loratory("params", "--base", bare, "--method", "full", "--json")
    assert json.loads(ran.out)["trainable"] == TINY


def test_a_named_task_takes_the_place_of_plain_text(loratory, gpt2_folder, films):
    arguments = ("params", "--base", gpt2_folder, "--method", "head", "task.kind=classify")
    ran = loratory(*arguments, f"data.train={films / 'train.csv'}", "--json")
    assert json.loads(ran.out)["trainable"] == 2 * 16
    ran = loratory(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[CFG-MISSING]: how many classes there are is said nowhere")
    assert "task.labels=[" in ran.err


METHODS = ("lora", "full", "bitfit", "bottleneck", "ia3", "prompt", "prefix", "head", "peft")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), "CFG-USAGE", ["neither a recipe nor a base", "loratory params quickstart"]),
        (("--base", "x"), "CFG-USAGE", ["no method", "--method lora"]),
        (("--method", "lora"), "CFG-USAGE", ["--method belongs to --base", "method.kind="]),
        (("quickstart", "--method", "lora"), "CFG-USAGE", ["--base", "method.kind="]),
        (("quickstart", "--base", "x"), "CFG-USAGE", ["quickstart", "base=BASE"]),
        (("quickstart", "--base", "x", "--method", "lora"), "CFG-USAGE", ["base=BASE"]),
        (("nosuch",), "CFG-FILE", ["there is no such recipe"]),
        (("--base", "x", "--method", "lorra"), "CFG-RANGE", ["'lorra'", "lora", *METHODS]),
        (("--base", "x", "--method", "lora", "method.rank=3"), "CFG-UNKNOWN", ["rank"]),
        (("--base", "./none", "--method", "lora"), "MODEL-FOLDER", ["no such folder"]),
        (("--base", "no/such", "--method", "lora"), "RES-NETWORK", ["cannot be reached"]),
        (("--base", "", "--method", "lora"), "CFG-RANGE", ["base"]),
        (("--base", "x", "--method", "head"), "CFG-RANGE", ["no head that could train"]),
    ],
    ids=str,
)
def test_what_cannot_be_counted_is_said_and_how_it_can(
    loratory, tmp_path, monkeypatch, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    ran = loratory("params", *arguments)
    assert ran.code in (2, 5, 8)
    assert ran.out == ""
    assert ran.err.startswith(f"error[{code}]: ")
    assert all(word in ran.err for word in words)
    assert "\nfix: " in ran.err


def test_a_folder_that_is_no_base_is_said_to_be_none(loratory, tmp_path):
    ran = loratory("params", "--base", tmp_path, "--method", "lora", "--json")
    assert ran.code == 8
    assert json.loads(ran.out)["error"]["code"] == "MODEL-FORMAT"
    assert "config.json is missing" in ran.err


def test_layers_that_are_not_there_are_answered_with_those_that_are(loratory, gpt2_folder):
    ran = loratory(
        *("params", "--base", gpt2_folder, "--method", "lora", "method.target_modules=[q_proj]")
    )
    assert (ran.code, ran.out) == (2, "")
    assert "error[CFG-TARGET]" in ran.err
    assert "c_attn, c_fc, c_proj" in ran.err


def test_a_base_without_biases_has_none_to_train(loratory, llama_folder):
    ran = loratory("params", "--base", llama_folder, "--method", "bitfit")
    assert (ran.code, ran.out) == (2, "")
    assert "error[CFG-METHOD]" in ran.err
    assert "method.missing_biases=add" in ran.err


@pytest.mark.parametrize("arguments", [["--help"], ["--base", "x", "--method", "none", "seed=-1"]])
def test_help_and_mistakes_need_no_torch(arguments):
    code = (
        "import sys\nfrom loratory.cli.main import main\n"
        "try:\n    main()\nfinally:\n    print('torch' in sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "params", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 2)
    assert ran.stderr.splitlines()[-1] == "False"
