"""The peer of training: transformers' Trainer with PEFT and dynamic padding, as guides show them.

Its model class computes its own loss: over the classes, over the whole vocabulary with the prompt's
labels masked, or over every token as the answer's start and end. What the recipe says about
training is read from it.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import (
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from benchmarks.job import CHECK, CHECKED_ROWS, START, job_recipe, read_tokens
from benchmarks.sides.serve import Answer, serve
from loratory.recipe.base import base_name
from loratory.recipe.schema import TrainingSection
from loratory.runs.environment import peak_memory_mb
from loratory.tasks.windows import END
from loratory.tasks.windows import START as BEGINS

_NOT_LEARNED = -100
Row = dict[str, Any]


class Stock:
    """The model with the job's adapter, its rows, and how rows become a batch."""

    def __init__(self, folder: Path, adapter: str) -> None:
        recipe = job_recipe(folder)
        self.kind = recipe.task.kind
        self.training = recipe.training
        self.tokens = read_tokens(folder)
        base = base_name(recipe.base)
        tokenizer = AutoTokenizer.from_pretrained(base)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        model, rows, self.collator = _stock(self.kind, base, tokenizer)
        self.rows = [rows(row) for row in self.tokens]
        model.config.pad_token_id = tokenizer.pad_token_id
        self.model = PeftModel.from_pretrained(model, folder / adapter, is_trainable=True)


def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the loss of the first rows."""
    del settings
    stock = Stock(folder, CHECK)
    stock.model.eval()
    with torch.inference_mode():
        output = stock.model(**stock.collator(stock.rows[:CHECKED_ROWS]))
    if stock.kind != "span_qa":
        return [float(output.loss)]
    # Its own loss also takes question and padding for possible answers.
    found = [
        F.cross_entropy(logits[number, row["positions"]], torch.tensor(_first(row, bit)))
        for number, row in enumerate(stock.tokens[:CHECKED_ROWS])
        for logits, bit in ((output.start_logits, BEGINS), (output.end_logits, END))
    ]
    return [float(torch.stack(found).mean())]


class Timed:
    """The job's training run, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        del settings
        self.stock = Stock(folder, START)
        self.start = load_file(folder / START / "adapter_model.safetensors")

    def __call__(self) -> Answer:
        """Train once from the start."""
        stock = self.stock
        set_peft_model_state_dict(stock.model, self.start)
        with tempfile.TemporaryDirectory() as out:
            trainer = Trainer(
                stock.model,
                arguments(out, stock.training),
                train_dataset=stock.rows,
                data_collator=stock.collator,
            )
            before = time.perf_counter()
            found = trainer.train()
            seconds = time.perf_counter() - before
        return {
            "seconds": seconds,
            "peak_memory_mb": peak_memory_mb(),
            "precision": "float32",
            "mean_loss": found.training_loss,
        }


def arguments(out: str, training: TrainingSection) -> TrainingArguments:
    """Return the recipe's training section in transformers' words."""
    return TrainingArguments(out, **shared_arguments(training))


def shared_arguments(training: TrainingSection) -> dict[str, Any]:
    """Return them as every trainer that is built on transformers' takes them."""
    return {
        "per_device_train_batch_size": training.batch_size,
        "num_train_epochs": training.epochs,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.schedule,
        "warmup_steps": training.warmup,
        "weight_decay": training.weight_decay,
        "adam_beta1": training.beta1,
        "adam_beta2": training.beta2,
        "adam_epsilon": training.epsilon,
        "max_grad_norm": training.max_grad_norm or 0.0,
        "use_cpu": True,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def _stock(kind: str, base: str, tokenizer: PreTrainedTokenizerBase) -> tuple[Any, Any, Any]:
    """Return a task's model class with the base's weights, its form of a row, its collator."""
    match kind:
        case "classify":
            model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
            return model, _labelled, DataCollatorWithPadding(tokenizer)
        case "span_qa":
            model = AutoModelForQuestionAnswering.from_pretrained(base)
            return model, _answered, DataCollatorWithPadding(tokenizer)
        case _:
            model = AutoModelForCausalLM.from_pretrained(base)
            return model, _continued, DataCollatorForSeq2Seq(tokenizer)


def _labelled(row: Row) -> Row:
    return {"input_ids": row["tokens"], "labels": row["targets"][0]}


def _continued(row: Row) -> Row:
    """Return the row with the last token that it is to predict, and labels for those alone."""
    tokens = [*row["tokens"], row["targets"][-1]]
    labels = [_NOT_LEARNED] * len(tokens)
    for position, target in zip(row["positions"], row["targets"], strict=True):
        labels[position + 1] = target
    return {"input_ids": tokens, "attention_mask": [1] * len(tokens), "labels": labels}


def _answered(row: Row) -> Row:
    first, last = (row["positions"][_first(row, bit)] for bit in (BEGINS, END))
    return {"input_ids": row["tokens"], "start_positions": first, "end_positions": last}


def _first(row: Row, bit: int) -> int:
    """Return the first of the row's positions whose target has the bit."""
    return next(at for at, target in enumerate(row["targets"]) if target & bit)


if __name__ == "__main__":
    serve(check, Timed)
