"""What a certificate counts: differences by hand, and the logits of transformers' own classes."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow, Encoding
from loratory.data.rows import QuestionRow, Row
from loratory.errors import ModelError, NumericsError
from loratory.export import merge
from loratory.export.certificate import (
    Difference,
    compared_rows,
    difference,
    logits,
    stock_logits,
)
from loratory.export.merge import merge_run
from loratory.methods.lora import Lora
from loratory.models.load import load_base
from loratory.recipe.schema import Decoding, LabelWordsTask, WrittenQATask
from loratory.tasks.make import make_task

CLOSE = {"rtol": 0, "atol": 2e-5}
TOKEN = "<|endoftext|>"
WEIGHTS = "model.safetensors"
ROWS = [
    EncodedRow(((5, 300), (7, 7, 0)), (1, 3, 4), (0, 0, 0)),
    EncodedRow(((9,),), (0,), (0,)),
    EncodedRow(((41, 8, 3, 200, 17, 60),), (5, 2), (0, 0)),
]


def test_differences_are_those_of_all_parts_together():
    one = (torch.tensor([[1.0, -4.0]]), torch.tensor([[1.5, -4.0]]))
    other = (torch.tensor([[0.0, 2.0], [3.0, 2.75]]), torch.tensor([[0.0, 2.25], [3.0, 3.25]]))
    assert difference([one, other]) == Difference(0.5, 1.25 / 6, 4.0, 3, alike=2)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_is_none_is_never_lost_and_never_allowed(order, value):
    good = (torch.zeros(1, 2), torch.zeros(1, 2))
    bad = (torch.zeros(1, 2), torch.tensor([[0.0, float(value)]]))
    found = difference([good, bad, good][::order])
    with pytest.raises(NumericsError, match=f"differs by {value}") as caught:
        found.require(1e9, of="transformers", at="here")
    assert "--tolerance" not in caught.value.fix


def test_nothing_compared_is_no_difference_of_zero():
    with pytest.raises(ValueError, match="nothing to compare"):
        difference([])


def test_logits_of_another_shape_are_not_broadcast():
    with pytest.raises(ValueError, match="logits"):
        difference([(torch.zeros(2, 3), torch.zeros(1, 3))])


@pytest.mark.parametrize(("largest", "allowed"), [(0.2, 2e-5), (1.0, 2e-5), (30.0, 6e-4)])
def test_the_tolerance_is_of_the_largest_logit_and_absolute_below_1(largest, allowed):
    assert Difference(0.0, 0.0, largest, 1, 1).allowed(2e-5) == pytest.approx(allowed)
    Difference(allowed * 0.99, 0.0, largest, 1, 1).require(2e-5, of="it", at="here")
    with pytest.raises(NumericsError, match="NUM-MERGE"):
        Difference(allowed * 1.01, 0.0, largest, 1, 1).require(2e-5, of="it", at="here")


@pytest.mark.parametrize("largest", [0.5, 7.0])
def test_the_tolerance_that_a_refusal_proposes_is_enough(largest):
    found = Difference(0.0996, 0.0, largest, 1, 1)
    with pytest.raises(NumericsError) as caught:
        found.require(2e-5, of="it", at="here")
    proposed = caught.value.fix.partition("--tolerance=")[2].split()[0]
    found.require(float(proposed), of="it", at="here")


@pytest.mark.parametrize("tokens_at_once", [1, 7, 100])
def test_logits_come_row_by_row_as_transformers_computes_them(base_folder, tokens_at_once):
    network = load_base(str(base_folder), language_head=True).network
    model = AutoModelForCausalLM.from_pretrained(base_folder).eval()
    ours = list(logits(network, None, ROWS, tokens_at_once=tokens_at_once))
    assert [len(row) for row in ours] == [3, 1, 2]
    for row, found, stock in zip(ROWS, ours, stock_logits(model, None, ROWS), strict=True):
        whole = model(input_ids=torch.tensor([row.tokens])).logits[0].detach()
        expected = torch.stack([whole[position] for position in row.positions])
        torch.testing.assert_close(found, expected, **CLOSE)
        torch.testing.assert_close(stock, expected, **CLOSE)


def test_what_stands_beside_a_row_is_compared_too(base_folder):
    network = load_base(str(base_folder), language_head=True).network
    model = AutoModelForCausalLM.from_pretrained(base_folder).eval()
    rows = [replace(ROWS[0], beside=(ROWS[1],)), ROWS[2]]
    found = [*logits(network, None, rows, tokens_at_once=100)], [*stock_logits(model, None, rows)]
    assert [len(row) for row in found[0]] == [3, 1, 2]
    for ours, stock in zip(*found, strict=True):
        torch.testing.assert_close(stock, ours, **CLOSE)


def test_a_heads_logits_are_of_the_positions_too(gpt2_folder):
    network = load_base(str(gpt2_folder)).network
    network.add_module("score", nn.Linear(16, 3))
    for row, found in zip(ROWS, logits(network, "score", ROWS, tokens_at_once=100), strict=True):
        hidden = network(flatten([row])).detach()[list(row.positions)]
        torch.testing.assert_close(found, network.score(hidden).detach(), **CLOSE)


def made(section, folder):
    base = load_base(str(folder), language_head=True)
    return make_task(section, tokenizer=base.tokenizer, positions=base.positions)


def test_what_is_asked_twice_is_compared_once_and_the_shortest_first(gpt2_folder):
    task = made(LabelWordsTask(labels=("a", "b"), words=("lovely", "dull")), gpt2_folder)
    asked = ((ROWS[0], ROWS[2]), (ROWS[0], ROWS[1]))
    found = compared_rows(task, Encoding((), asked))
    assert found == [ROWS[1], ROWS[0], ROWS[2]]


def test_of_an_answer_that_is_written_all_its_tokens_are_compared(gpt2_folder):
    task = made(WrittenQATask(decoding=Decoding(max_new_tokens=4)), gpt2_folder)
    row = QuestionRow("0", "Who?", "Ada wrote it.", (), "here")
    (found,) = compared_rows(task, task.encode([row]))
    written = task.tokenizer.decode([found.tokens[at + 1] for at in found.positions[:-1]])
    assert written.strip() == task.no_answer


def test_of_label_words_every_word_is_compared(gpt2_folder):
    words = ("lovely", "utterly dull")
    task = made(LabelWordsTask(labels=("a", "b"), words=words), gpt2_folder)
    found = compared_rows(task, task.encode([Row("0", "quiet", 0, "here")]))
    assert len(found) == len(words)


def test_the_certificate_says_what_was_merged_and_compared(film_run, gpt2_folder, tmp_path):
    merge_run(film_run, tmp_path / "merged")
    found = json.loads((tmp_path / "merged" / "certificate.json").read_text())
    environment = json.loads((film_run / "environment.json").read_text())
    result = json.loads((film_run / "result.json").read_text())
    assert found["reference"] == {
        "run": str(film_run),
        "name": "films",
        "task": "classify",
        "method": "lora",
        "base": str(gpt2_folder),
        "base_sha256": environment["digests"]["base"],
        "settled": {"temperature": 1.0},
    }
    assert (found["split"], found["rows"], found["positions"]) == ("validation", 9, 9)
    assert found["tolerance"] == 2e-5
    assert 0 <= found["mean_logit_difference"] <= found["max_logit_difference"] <= 2e-5
    assert found["transformers"]["max_logit_difference"] <= 2e-5
    assert found["metric"] == "accuracy"
    expected = result["evaluation"]["validation"]["metrics"]["accuracy"]
    assert found["metric_before"] == found["metric_after"] == expected
    assert (found["metric_difference"], found["changed_predictions"]) == (0, 0)
    assert found["versions"]["torch"] == torch.__version__
    assert f"Put {TOKEN} before each text" in found["how_to_read"]


def test_of_pairs_the_rewards_before_and_after_are_those_of_the_run(run_of, gpt2_folder, tmp_path):
    run = run_of(gpt2_folder, "preference")
    found = merge_run(run, tmp_path / "merged").certificate
    expected = json.loads((run / "result.json").read_text())["evaluation"]["validation"]["metrics"]
    assert expected["rewards/accuracies"] == 1
    assert found["metric_before"] == found["metric_after"] == 1
    assert found["changed_predictions"] == 0


def test_of_plain_text_no_predictions_are_counted(run_of, gpt2_folder, tmp_path):
    found = merge_run(run_of(gpt2_folder, "text"), tmp_path / "merged").certificate
    assert found["changed_predictions"] is None


def test_prompts_with_solved_rows_are_compared_with_such_prompts(run_of, gpt2_folder, tmp_path):
    shown = {"method.kind": "prompting", "method.examples.k": 1, "method.examples.kind": "similar"}
    run = run_of(gpt2_folder, "label_words", **shown, **{"task.template": "{text}:"})
    assert json.loads((run / "shown.json").read_text())["before"]["validation"]
    assert merge_run(run, tmp_path / "merged").certificate["changed_predictions"] == 0


def test_a_chosen_threshold_goes_into_the_certificate(run_of, gpt2_folder, tmp_path):
    run = shutil.copytree(run_of(gpt2_folder, "span_qa"), tmp_path / "run")
    (run / "settled.json").write_text('{"no_answer_threshold": 0.25}')
    found = merge_run(run, tmp_path / "merged").certificate
    assert found["reference"]["settled"] == {"no_answer_threshold": 0.25}


def scaled(fold):
    """Return a fold that gets one weight wrong by a thousandth."""

    def wrong(self, base):
        fold(self, base)
        base.network.get_parameter("transformer.h.1.mlp.c_fc.weight").data.mul_(1.001)

    return wrong


def test_a_wrong_fold_is_seen_and_nothing_is_written(film_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Lora, "fold", scaled(Lora.fold))
    with pytest.raises(NumericsError, match=r"NUM-MERGE.*nothing was written") as caught:
        merge_run(film_run, tmp_path / "merged")
    assert "(tolerance 2e-05, relative to the largest logit" in caught.value.headline
    assert "`loratory merge` with --tolerance=" in caught.value.fix
    assert not [*tmp_path.iterdir()]


def test_a_wider_tolerance_lets_it_pass_and_is_in_the_certificate(film_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Lora, "fold", scaled(Lora.fold))
    found = merge_run(film_run, tmp_path / "merged", tolerance=0.1).certificate
    assert found["tolerance"] == 0.1
    assert 2e-5 < found["max_logit_difference"] < found["allowed_logit_difference"]


def spoiled(save, name, spoil):
    """Return a `save_model` after which a file is spoiled on the disk."""

    def wrong(base, folder):
        save(base, folder)
        spoil(folder / name)

    return wrong


def another_head(path):
    tensors = load_file(path)
    tensors["score.weight"] = -tensors["score.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


def no_merges(path):
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["merges"] = []
    path.write_text(json.dumps(tokenizer))


@pytest.mark.parametrize("case", [0, 1], ids=["weights", "tokenizer"])
def test_what_counts_is_what_is_on_the_disk(film_run, tmp_path, monkeypatch, case):
    name, spoil, error, code = (
        (WEIGHTS, another_head, NumericsError, "NUM-MERGE"),
        ("tokenizer.json", no_merges, ModelError, "MODEL-TOKENIZER"),
    )[case]
    monkeypatch.setattr(merge, "save_model", spoiled(merge.save_model, name, spoil))
    with pytest.raises(error, match=code):
        merge_run(film_run, tmp_path / "merged")
    assert not [*tmp_path.iterdir()]


def other_base(kind, gpt2_folder, folder, **settings):
    """Return the folder of a small base of another kind."""
    sizes = {"vocab_size": 320, "hidden_size": 16, "num_attention_heads": 4}
    sizes |= {"num_hidden_layers": 2, "intermediate_size": 24, "num_key_value_heads": 2}
    config = AutoConfig.for_model(kind, **sizes, **settings)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for path in gpt2_folder.glob("token*"):
        shutil.copy(path, folder)
    return folder


WITHOUT_CLASS = {
    "phi": ("span_qa", {}, "no class for phi"),
    "electra": ("classify", {"embedding_size": 16, "is_decoder": True}, "has another head"),
}


@pytest.mark.parametrize("kind", WITHOUT_CLASS)
def test_where_transformers_has_no_such_class_the_certificate_says_so(
    run_of, gpt2_folder, tmp_path, kind
):
    task, settings, why = WITHOUT_CLASS[kind]
    base = other_base(kind, gpt2_folder, tmp_path / "base", **settings)
    found = merge_run(run_of(base, task), tmp_path / "merged").certificate
    assert found["transformers"]["class"] is None
    assert why in found["transformers"]["why"]
    assert found["max_logit_difference"] <= found["allowed_logit_difference"]
