"""Adapted classifiers, ours and stock PEFT's, made of the same folder."""

import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.apply import apply_method
from loratory.methods.peft_folder import save_adapter
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import ClassifyTask, LoraMethod
from loratory.tasks.make import make_task

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
        task = make_task(ClassifyTask(), LABELS, tokenizer=base.tokenizer, positions=base.positions)
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
