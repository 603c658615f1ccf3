"""Adapted classifiers, ours and stock PEFT's, made of the same folder."""

import json
from typing import NamedTuple

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
)

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.apply import apply_method
from loratory.methods.peft_folder import save_adapter
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import ClassifyTask, LoraMethod, SpanQATask, TextTask
from loratory.tasks.make import make_task, reads_vocabulary

LABELS = ("negative", "neither", "positive")
PADDING = 319  # the last token of the vocabulary, which no text holds


def texts():
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(PADDING, (length,), generator=generator) for length in (7, 1, 30, 12)]


class Ours:
    """Networks of a base's folder, with a method and a head for three classes."""

    def __init__(self, folder):
        self.folder = folder
        self.layout = json.loads((folder / "config.json").read_text())["model_type"]
        rows = [EncodedRow((tuple(text.tolist()),), (len(text) - 1,), (0,)) for text in texts()]
        self.batch = flatten(rows)

    def network(self, seed=0, **settings):
        base, generator = load_base(str(self.folder)), torch.Generator().manual_seed(seed)
        apply_method(base.network, LoraMethod(**settings), generator)
        section = ClassifyTask(labels=LABELS)
        task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
        task.attach(base.network, generator)
        return base.network.eval()

    def stirred(self, **settings):
        """Return a network with random numbers added to everything that trains."""
        network, generator = self.network(**settings), torch.Generator().manual_seed(11)
        for parameter in trained_parameters(network).values():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        return network

    @torch.no_grad()
    def logits(self, network):
        return network.score(network(self.batch)[self.batch.read_at])

    def save(self, network, folder, **settings):
        method = LoraMethod(**settings)
        save_adapter(network, method, folder, base=str(self.folder), heads=("score",))


class Peft:
    """Stock PEFT on stock transformers, of a base's folder."""

    def __init__(self, folder):
        self.stock = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(LABELS), pad_token_id=PADDING
        )

    def loaded(self, adapter):
        return PeftModel.from_pretrained(self.stock, adapter).eval()

    def trained(self, **settings):
        """Return an adapted model that has made a few steps away from its start."""
        torch.manual_seed(5)
        model = get_peft_model(self.stock, LoraConfig(task_type="SEQ_CLS", **settings))
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
        for _ in range(3):
            self._run(model).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return model.eval()

    @torch.no_grad()
    def logits(self, model):
        return self._run(model)

    def _run(self, model):
        real = [torch.ones_like(text) for text in texts()]
        return model(
            input_ids=pad_sequence(texts(), batch_first=True, padding_value=PADDING),
            attention_mask=pad_sequence(real, batch_first=True),
        ).logits


TOKENS = (5, 300, 7, 7, 0, 41)


class Kind(NamedTuple):
    """A kind of head: the task that adds it, and transformers' class that has it."""

    section: object
    stock: type
    head: str | None

    def stirred(self, folder, method, seed=0):
        """Return a base with the method and the head, and random numbers in all that trains."""
        base = load_base(str(folder), language_head=reads_vocabulary(self.section))
        generator = torch.Generator().manual_seed(seed)
        apply_method(base.network, method, generator)
        task = make_task(self.section, tokenizer=base.tokenizer, positions=base.positions)
        task.attach(base.network, generator)
        for parameter in trained_parameters(base.network).values():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        return base

    @torch.no_grad()
    def numbers(self, network):
        """Return what the head says: of the last token to classify, else of every token."""
        places = (len(TOKENS) - 1,) if self.head == "score" else tuple(range(len(TOKENS)))
        batch = flatten([EncodedRow((TOKENS,), places, places)])
        hidden = network(batch)[batch.read_at]
        return network.get_submodule(self.head)(hidden) if self.head else network.logits(hidden)

    @torch.no_grad()
    def of_transformers(self, model):
        """Return the same numbers of a model of transformers' or PEFT's."""
        found = model.eval()(input_ids=torch.tensor([TOKENS]))
        if self.head == "qa_outputs":
            return torch.stack([found.start_logits, found.end_logits], -1)[0]
        return found.logits if self.head else found.logits[0]


KINDS = {
    "classify": Kind(ClassifyTask(labels=LABELS), AutoModelForSequenceClassification, "score"),
    "span_qa": Kind(SpanQATask(), AutoModelForQuestionAnswering, "qa_outputs"),
    "text": Kind(TextTask(), AutoModelForCausalLM, None),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def text_kind():
    return KINDS["text"]


@pytest.fixture
def ours(base_folder):
    return Ours(base_folder)


@pytest.fixture
def peft(base_folder):
    return Peft(base_folder)


@pytest.fixture
def gpt2(gpt2_folder):
    """Return GPT-2 as `ours` and as `peft`."""
    return Ours(gpt2_folder), Peft(gpt2_folder)


@pytest.fixture
def llama(llama_folder):
    return Ours(llama_folder)
