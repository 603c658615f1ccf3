"""Adapted classifiers, ours and stock PEFT's, made of the same folder."""

import json
from typing import Any, NamedTuple

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
)

from loratory.batching.flat import flatten
from loratory.batching.rows import EncodedRow
from loratory.methods.make import make_method
from loratory.methods.trained import trained_parameters
from loratory.models.load import load_base
from loratory.recipe.schema import (
    BitfitMethod,
    BottleneckMethod,
    ClassifyTask,
    FullMethod,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    OwnMethod,
    PrefixMethod,
    PromptMethod,
    SpanQATask,
    TextTask,
)
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

    def base(self, method=None, seed=0, **settings):
        """Return a base with `method`, or LoRA with `settings`, and a head."""
        base, generator = load_base(str(self.folder)), torch.Generator().manual_seed(seed)
        make_method(method or LoraMethod(**settings)).apply(base, generator)
        section = ClassifyTask(labels=LABELS)
        task = make_task(section, tokenizer=base.tokenizer, positions=base.positions)
        task.attach(base.network, generator)
        base.network.eval()
        return base

    def stirred(self, method=None, **settings):
        """Return a base with random numbers added to everything that trains."""
        base, generator = self.base(method, **settings), torch.Generator().manual_seed(11)
        for parameter in trained_parameters(base.network).values():
            parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        return base

    @torch.no_grad()
    def logits(self, base):
        network = base.network
        return network.score(network(self.batch)[self.batch.read_at])

    def save(self, base, folder, method=None, **settings):
        make_method(method or LoraMethod(**settings)).save(base, folder, heads=("score",))

    def load(self, base, folder, method=None, **settings):
        make_method(method or LoraMethod(**settings)).load(base, folder)


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
        # One by one: before virtual tokens transformers cannot tell where a padded text ends.
        return torch.cat([model(input_ids=text[None]).logits for text in texts()])


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
        make_method(method).apply(base, generator)
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


# Names of layers that both layouts of the tests have, by what they are.
ATTENTION = r".*(attn).*"


class Case(NamedTuple):
    """A method with settings, and what it promises."""

    section: OwnMethod
    in_peft: bool = False
    """PEFT can hold it: it is saved as PEFT's folder, which computes the same."""

    merges: bool = True
    """Plain layers can hold it."""

    trains_base: bool = False
    """Tensors of the base itself are among those that train."""


def _lora(**settings: Any) -> Case:
    free = settings.get("bias", "none") != "none" or bool(settings.get("modules_to_save"))
    return Case(LoraMethod(**settings), in_peft=True, trains_base=free)


METHODS = {
    "lora": _lora(r=4, lora_alpha=6.0),
    "lora rank 1": _lora(r=1, lora_alpha=5.0),
    "lora rank 8": _lora(r=8, lora_alpha=3.0, target_modules=ATTENTION),
    "rslora": _lora(r=4, lora_alpha=6.0, use_rslora=True),
    "dora": _lora(r=4, lora_alpha=6.0, use_dora=True),
    "pissa": _lora(r=4, lora_alpha=6.0, init_lora_weights="pissa"),
    "gaussian": _lora(r=4, init_lora_weights="gaussian"),
    "lora+": _lora(r=4, loraplus_lr_ratio=16.0),
    "biases of its layers": _lora(r=4, target_modules=ATTENTION, bias="lora_only"),
    "all biases": _lora(r=4, target_modules=ATTENTION, bias="all"),
    "one block": _lora(r=4, layers_to_transform=[1]),
    "everything": _lora(
        r=4,
        lora_alpha=6.0,
        use_rslora=True,
        use_dora=True,
        init_lora_weights="pissa",
        rank_pattern={r".*\.1\..*": 2},
        alpha_pattern={r".*\.0\..*": 9.0},
        bias="all",
    ),
    "full": Case(FullMethod(), trains_base=True),
    "bitfit": Case(BitfitMethod(missing_biases="add"), trains_base=True),
    "head": Case(HeadMethod()),
    "prompt": Case(PromptMethod(num_virtual_tokens=5), in_peft=True, merges=False),
    "prefix": Case(PrefixMethod(num_virtual_tokens=5), in_peft=True, merges=False),
    "houlsby": Case(BottleneckMethod(placement="houlsby", bottleneck_size=5), merges=False),
    "pfeiffer gelu": Case(BottleneckMethod(reduction_factor=4, non_linearity="gelu"), merges=False),
    "ia3": Case(Ia3Method(), in_peft=True),
}


@pytest.fixture(params=METHODS)
def case(request):
    """Return each method of the table in turn."""
    return METHODS[request.param]
