"""Adapted classifiers, ours and stock PEFT's, from the same folder."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.apply import apply_method
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import ClassifyTask, LoraMethod
from loratory.tasks.make import make_task

LABELS = ("negative", "neither", "positive")
PADDING = 319  # the last token of the vocabulary, which no text holds


@pytest.fixture(scope="session")
def texts():
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(PADDING, (length,), generator=generator) for length in (7, 1, 30, 12)]


@pytest.fixture(scope="session")
def batch(texts):
    rows = [
        EncodedRow((tuple(text.tolist()),), (len(text) - 1,), (n % 3,))
        for n, text in enumerate(texts)
    ]
    return flatten(rows)


@pytest.fixture(scope="session")
def network_of():
    """Return a function that makes a base with a method and a head for three classes."""

    def network_of(folder, seed=0, **settings):
        base, generator = load_base(str(folder)), torch.Generator().manual_seed(seed)
        apply_method(base.network, LoraMethod(**settings), generator)
        task = make_task(ClassifyTask(), LABELS, tokenizer=base.tokenizer, positions=base.positions)
        task.attach(base.network, generator)
        return base.network.eval()

    return network_of


@pytest.fixture(scope="session")
def logits(batch):
    """Return a function that gives a network's logits for the batch."""

    @torch.no_grad()
    def logits(network):
        return network.score(network(batch)[batch.read_at])

    return logits


@pytest.fixture(scope="session")
def stirred():
    """Return a function that puts random numbers into everything that trains."""

    def stirred(network):
        generator = torch.Generator().manual_seed(11)
        for parameter in trained_parameters(network).values():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        return network

    return stirred


class Peft:
    """Stock PEFT on stock transformers."""

    def __init__(self, folder, texts):
        self.texts = texts
        self.stock = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(LABELS), pad_token_id=PADDING
        )

    def loaded(self, adapter):
        return PeftModel.from_pretrained(self.stock, adapter).eval()

    def made(self, **settings):
        torch.manual_seed(5)
        return get_peft_model(self.stock, LoraConfig(task_type="SEQ_CLS", **settings))

    def logits(self, model):
        return model(
            input_ids=pad_sequence(self.texts, batch_first=True, padding_value=PADDING),
            attention_mask=pad_sequence([torch.ones_like(text) for text in self.texts], True),
        ).logits

    def trained(self, model, steps=3):
        """Take a few steps away from the start."""
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
        for _ in range(steps):
            self.logits(model).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return model.eval()


@pytest.fixture
def peft(base_folder, texts):
    return Peft(base_folder, texts)
