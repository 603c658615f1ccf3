"""Flat batches: the loss and every gradient are those of stock transformers on padded texts.

The reference is transformers' own sequence classifier with PEFT's own LoRA, on a batch padded at
the end and an attention mask.
"""

import re
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.models.network import Network
from loratory.recipe.schema import ClassifyTask, LoraMethod, TrainingSection
from loratory.tasks.make import make_task
from loratory.tasks.task import Task
from loratory.train.loop import Plan, updates

LABELS = ("negative", "neither", "positive")
PADDING = 319  # the last token of the vocabulary, which no text holds
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@dataclass(frozen=True)
class Twins:
    """The same adapted classifier twice."""

    network: Network
    task: Task
    stock: PeftModel

    @property
    def tolerance(self):
        return TOLERANCE[next(self.network.parameters()).dtype]

    def stock_parameters(self):
        """Return the parameters of PEFT that train, by our names."""
        theirs = re.compile(r"base_model\.model\.|\.modules_to_save\.default|\.default\.weight")
        return {
            theirs.sub("", name): parameter
            for name, parameter in self.stock.named_parameters()
            if parameter.requires_grad
        }

    def stock_loss_and_gradients(self, rows):
        """Return the mean loss of the padded batch, and its gradients by our names."""
        self.stock.zero_grad()
        texts = [torch.tensor(row.tokens) for row in rows]
        logits = self.stock(
            input_ids=pad_sequence(texts, batch_first=True, padding_value=PADDING),
            attention_mask=pad_sequence(list(map(torch.ones_like, texts)), batch_first=True),
        ).logits
        loss = F.cross_entropy(logits, torch.tensor([row.targets[0] for row in rows]))
        loss.backward()
        return loss.item(), {name: tensor.grad for name, tensor in self.stock_parameters().items()}

    def require_same(self, loss, gradients, rows):
        """Fail unless loss and gradients are the padded batch's."""
        their_loss, theirs = self.stock_loss_and_gradients(rows)
        assert abs(loss - their_loss) <= self.tolerance * their_loss
        assert gradients.keys() == theirs.keys()
        assert any(name.endswith("lora_A") for name in theirs)
        assert "score.weight" in theirs
        # Of texts of one token attention has no gradient, but what processors round it to.
        every = torch.stack([gradient.norm() for gradient in theirs.values()]).norm()
        rounding = torch.finfo(every.dtype).eps * every
        for name, gradient in theirs.items():
            difference = (gradients[name] - gradient).norm()
            is_rounding = gradient.norm() <= rounding
            assert difference <= (rounding if is_rounding else self.tolerance * gradient.norm()), (
                name
            )


@pytest.fixture(
    scope="module", params=[(base, dtype) for base in ("gpt2", "llama") for dtype in TOLERANCE]
)
def twins(request):
    layout, dtype = request.param
    with pytest.MonkeyPatch.context() as patch:
        if dtype == torch.float64:
            patch.setattr(LlamaRMSNorm, "forward", exact_norm)
        yield made_twins(request, layout, dtype)


def exact_norm(norm, hidden):
    """Return what Llama's norm does, without transformers' rounding to float32 on the way."""
    return F.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)


def made_twins(request, layout, dtype):
    folder = request.getfixturevalue(f"{layout}_folder")
    base, generator = load_base(str(folder), dtype=dtype), torch.Generator().manual_seed(1)
    make_method(LoraMethod(r=4, lora_alpha=6)).apply(base, generator)
    section = ClassifyTask(labels=LABELS)
    task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
    task.attach(base.network, generator)
    network = base.network.to(dtype)
    classifier = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=3, pad_token_id=PADDING, dtype=dtype, attn_implementation="sdpa"
    )
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=4,
        lora_alpha=6,
        target_modules="all-linear",
        fan_in_fan_out=layout == "gpt2",
    )
    twins = Twins(network, task, get_peft_model(classifier, config).eval())
    theirs = twins.stock_parameters()
    for name, parameter in trained_parameters(network).items():
        parameter.data.normal_(generator=generator).mul_(0.1)
        theirs[name].data.copy_(parameter.data)
    return twins


def texts(lengths):
    """Return rows of arbitrary tokens, the end-of-text token among them."""
    generator = torch.Generator().manual_seed(len(lengths))
    return [
        EncodedRow(
            (tuple(torch.randint(PADDING, (length,), generator=generator).tolist()),),
            (length - 1,),
            (number % 3,),
        )
        for number, length in enumerate(lengths)
    ]


class GradientsOnly(torch.optim.SGD):
    """Keeps every step's gradients, and leaves the weights as they are."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.steps = []
        super().__init__([{"params": [*parameters.values()], "lr_scale": 1.0}], lr=0)

    def step(self):
        self.steps.append({name: p.grad.clone() for name, p in self.parameters.items()})


@settings(max_examples=20, deadline=None)
@given(lengths=LENGTHS)
def test_loss_and_gradients_are_those_of_the_padded_batch(twins, lengths):
    rows = texts(lengths)
    twins.network.zero_grad()
    batch = flatten(rows)
    loss = twins.task.loss(twins.network, twins.network(batch), batch)
    mean = loss.total / loss.count
    mean.backward()
    gradients = {name: p.grad for name, p in trained_parameters(twins.network).items()}
    twins.require_same(mean.item(), gradients, rows)


@settings(max_examples=20, deadline=None)
@given(lengths=LENGTHS, batch_size=st.integers(1, 8), most=st.integers(1, 120))
def test_how_a_step_is_cut_up_leaves_no_trace_in_its_gradient(twins, lengths, batch_size, most):
    training = TrainingSection(batch_size=batch_size, max_grad_norm=None)
    plan = Plan(texts(lengths), training, seed=0, micro_batch_tokens=most)
    twins.network.zero_grad()
    optimizer = GradientsOnly(trained_parameters(twins.network))
    done = list(updates(twins.network, twins.task, optimizer, plan))
    assert len(done) == plan.steps
    for step, (update, gradients) in enumerate(zip(done, optimizer.steps, strict=True)):
        twins.require_same(update.loss, gradients, plan.step(step))


def test_a_batch_is_the_rows_end_to_end_with_nothing_between():
    rows = [
        EncodedRow(((5, 6), (7,)), (1, 2), (0, 4)),
        EncodedRow(((8,),), (0,), (1,)),
        EncodedRow(((9, 5),), (), ()),
    ]
    batch = flatten(rows)
    assert batch.input_ids.tolist() == [5, 6, 7, 8, 9, 5]
    assert batch.position_ids.tolist() == [0, 1, 2, 0, 0, 1]
    assert batch.bounds == ((0, 3), (3, 4), (4, 6))
    assert batch.read_at.tolist() == [1, 2, 3]
    assert batch.targets.tolist() == [0, 4, 1]
    assert len(batch) == 6
