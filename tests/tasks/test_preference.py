"""Preference: TRL's loss, gradients and metrics on the same pairs; the reference's part; ends."""

import copy
import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

from loratory.batching.flat import flatten
from loratory.data.rows import Message, PairRow
from loratory.errors import ConfigError, DataError
from loratory.models.load import load_base
from loratory.recipe.schema import PreferenceTask
from loratory.tasks.preference import Preference

PAIRS = [
    ("a quiet , lovely film", " about nothing much", " dull and far too long"),
    ("the plot is", " an utterly charming story", " thin"),
    ("so", " moving", " lifeless , dull , cold and thin again"),
]
LOSSES = [
    {"kind": "sigmoid", "beta": 0.3},
    {"kind": "sigmoid", "beta": 0.3, "label_smoothing": 0.1},
    {"kind": "robust", "beta": 0.3, "label_smoothing": 0.2},
    {"kind": "hinge", "beta": 0.3},
    {"kind": "ipo", "beta": 0.3},
]
REFERENCE = [(-40.0, -52.0), (-61.0, -9.0), (-11.0, -70.0)]
TRL_NAMES = ("chosen", "rejected", "accuracies", "margins")


def rows_of(pairs=PAIRS):
    return [PairRow(f"train/{n}", *pair, f"a.jsonl:{n + 1}") for n, pair in enumerate(pairs)]


def task_of(base, loss=None, **section):
    given = PreferenceTask.model_validate({"loss": loss or {"kind": "sigmoid"}, **section})
    return Preference(given, tokenizer=base.tokenizer, positions=base.positions)


@pytest.fixture
def float_base(base_folder):
    return load_base(str(base_folder), language_head=True)


def referred(task, rows, reference=REFERENCE):
    return task.referred(task.encode(rows), reference).rows


def loss_of(base, task, rows, *, shared):
    batch = flatten(rows, shared=shared)
    return task.loss(base.network, base.network(batch), batch)


class Same:
    """TRL's accelerator, of one process."""

    device = "cpu"

    def gather(self, value):
        return value

    gather_for_metrics = gather


class Spelled:
    """What TRL's fused head returns, from a model's logits."""

    training = True

    def __init__(self, model):
        self.model = model

    def __call__(self, input_ids, attention_mask, labels, **_):
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits[:, :-1]
        targets = labels[:, 1:]
        there = targets != -100
        each = logits.log_softmax(-1).gather(2, targets.clamp(min=0)[..., None])[..., 0]
        nothing = torch.zeros_like(each)
        return SimpleNamespace(
            log_probs=each * there, entropy=nothing, mean_logits=nothing, is_top1=there
        )


def trl_loss(model, rows, loss):
    """Return TRL's loss and metrics of encoded pairs, whose answers it gets as tokens."""
    kind, smoothing = loss["kind"], loss.get("label_smoothing", 0.0)
    examples = [
        {
            "prompt_ids": list(row.tokens[: row.positions[0] + 1]),
            "chosen_ids": list(row.targets),
            "rejected_ids": list(row.beside[0].targets),
            "ref_chosen_logps": row.given[0],
            "ref_rejected_logps": row.given[1],
        }
        for row in rows
    ]

    trainer = SimpleNamespace(
        model=Spelled(model),
        accelerator=Same(),
        aux_loss_enabled=False,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        # One pair at a time sorts nothing: then this is the sigmoid with label smoothing.
        loss_types=["aot" if kind == "sigmoid" and smoothing else kind],
        loss_weights=[1.0],
        beta=loss["beta"],
        label_smoothing=smoothing,
        use_weighting=False,
        _total_train_tokens=0,
        _tp_size=1,
        _metrics={"train": defaultdict(list)},
    )
    collator = DataCollatorForPreference(pad_token_id=0)
    groups = [[one] for one in examples] if smoothing else [examples]
    losses = [
        DPOTrainer._compute_loss(trainer, trainer.model, collator(group), return_outputs=False)
        for group in groups
    ]
    return torch.stack(losses).mean(), trainer._metrics["train"]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: "-".join(map(str, loss.values())))
def test_loss_gradients_and_metrics_are_trls(float_base, loss, shared):
    task = task_of(float_base, loss)
    rows = referred(task, rows_of())
    float_base.network.requires_grad_(requires_grad=True)
    found = loss_of(float_base, task, rows, shared=shared)
    (found.total / found.count).backward()
    stock = AutoModelForCausalLM.from_pretrained(float_base.source.folder)
    expected, metrics = trl_loss(stock, rows, loss)
    expected.backward()
    assert found.count == len(PAIRS)
    # TRL adds up in another order, in float32.
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(found.total / found.count, expected, **close)
    turned = {f"{name}.weight" for name in float_base.network.transposed}
    expected_grads = {
        name: parameter.grad.T if name in turned else parameter.grad
        for name, parameter in stock.named_parameters()
    }
    compared = 0
    for name, parameter in float_base.network.named_parameters():
        torch.testing.assert_close(parameter.grad, expected_grads[name], **close)
        compared += parameter.numel()
    assert compared == stock.num_parameters()
    further = found.further()
    for name in (*(f"rewards/{n}" for n in TRL_NAMES), "logps/chosen", "logps/rejected"):
        mean = sum(metrics[name]) / len(metrics[name])
        assert further[name] / found.count == pytest.approx(mean, rel=1e-5, abs=1e-5), name


def stock_logps(stock, row):
    """Return the log-probability of each token of an encoded answer, by transformers."""
    tokens = torch.tensor([row.tokens])
    logps = stock(tokens).logits[0].log_softmax(-1)
    return logps[list(row.positions), list(row.targets)]


@pytest.mark.parametrize("kind", ["orpo", "simpo"])
def test_losses_without_a_reference_are_those_of_mean_log_probabilities(lm, stock_lm, kind):
    beta = 0.7
    task = task_of(lm, {"kind": kind, "beta": beta})
    rows = task.encode(rows_of()).rows
    found = loss_of(lm, task, rows, shared=True)
    expected = 0.0
    for row in rows:
        chosen, rejected = (stock_logps(stock_lm, text).mean() for text in row.texts)
        odds = [p - torch.log1p(-p.exp()) for p in (chosen, rejected)]
        expected += {
            "orpo": -chosen - beta * F.logsigmoid(odds[0] - odds[1]),
            "simpo": -F.logsigmoid(beta * (chosen - rejected) - 1.0),
        }[kind]
    assert not task.refers
    torch.testing.assert_close(found.total, expected)


def test_answers_are_read_with_their_end_and_prompts_never(lm):
    (row, *_) = task_of(lm).encode(rows_of()).rows
    for text, answer in zip(row.texts, PAIRS[0][1:], strict=True):
        assert text.targets[-1] == lm.tokenizer.eos_token_id
        assert lm.tokenizer.decode(text.targets[:-1]) == answer
        prompt = lm.tokenizer.decode(text.tokens[1 : text.positions[0] + 1])
        assert prompt == PAIRS[0][0]


def test_a_row_whose_reference_was_not_read_has_no_loss(lm):
    task = task_of(lm)
    found = loss_of(lm, task, task.encode(rows_of()).rows, shared=True)
    assert math.isnan(float(found.total.detach()))


def test_a_prompt_is_computed_once_for_both_answers(lm):
    rows = task_of(lm).encode(rows_of(PAIRS[:1])).rows
    shared, alone = (len(flatten(rows, shared=s)) for s in (True, False))
    assert alone - shared == rows[0].positions[0] + 1


def chat(*roles, said="dull"):
    """Return a pair whose prompt has a message of each role."""
    answers = ((Message("assistant", text),) for text in ("lovely", said))
    prompt = tuple(Message(role, "how is it ?") for role in roles)
    return PairRow("train/0", prompt, *answers, "a.jsonl:1")


STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ m['content'] }}\n{% endfor %}"
)


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        (chat("user", "user"), "DATA-PAIR", "roles must alternate"),
        (chat("system", "user"), "DATA-PAIR", "roles must alternate"),
        (chat("user", said="dull <|endoftext|>"), "DATA-TEXT", "reserved token"),
    ],
)
def test_messages_that_a_template_cannot_frame_are_refused(small_tokenizer, row, code, said):
    tokenizer = copy.deepcopy(small_tokenizer)
    tokenizer.chat_template = STRICT
    task = Preference(PreferenceTask(), tokenizer=tokenizer, positions=64)
    assert task.encode([chat("user")]).rows
    with pytest.raises(DataError, match=said) as caught:
        task.encode([row])
    assert (caught.value.code, caught.value.at) == (code, "a.jsonl:1")


def test_chat_messages_stand_in_the_bases_template(small_tokenizer):
    small_tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    row = PairRow(
        "train/0",
        (Message("user", "how is it ?"),),
        (Message("assistant", "lovely"),),
        (Message("assistant", "dull"),),
        "a.jsonl:1",
    )
    given = {"tokenizer": small_tokenizer, "positions": 64}
    (encoded,) = Preference(PreferenceTask(), **given).encode([row]).rows
    whole = small_tokenizer.decode([*encoded.tokens, encoded.targets[-1]])
    assert whole == "user: how is it ?\nassistant: lovely\n"
    assert small_tokenizer.decode(encoded.beside[0].targets) == " dull\n"
    small_tokenizer.chat_template = None
    with pytest.raises(ConfigError, match="no template"):
        Preference(PreferenceTask(), **given).encode([row])


def test_a_prompt_that_fills_the_limit_is_refused(lm):
    with pytest.raises(DataError, match="no room for an answer") as error:
        task_of(lm, max_length=4).encode(rows_of())
    assert error.value.code == "DATA-TRUNC"


def test_a_long_answer_is_refused_or_cut_and_counted(lm):
    rows = rows_of()
    longest = max(len(text.tokens) for row in task_of(lm).encode(rows).rows for text in row.texts)
    with pytest.raises(DataError, match="longer than"):
        task_of(lm, max_length=longest - 1).encode(rows)
    found = task_of(lm, max_length=longest - 1, too_long="truncate").encode(rows)
    assert found.truncated == 1
    assert max(len(text.tokens) for row in found.rows for text in row.texts) == longest - 1


def test_answers_that_are_the_same_once_cut_are_refused(lm):
    rows = rows_of([("so", " lovely lovely lovely dull", " lovely lovely lovely thin")])
    with pytest.raises(DataError, match="same tokens once they are cut") as error:
        task_of(lm, max_length=6, too_long="truncate").encode(rows)
    assert error.value.code == "DATA-PAIR"
