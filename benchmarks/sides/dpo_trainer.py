"""The peer of preference: TRL's DPOTrainer with PEFT, as its guide shows it."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from benchmarks.job import CHECK, CHECKED_ROWS, START, job_recipe, read_tokens
from benchmarks.sides.serve import Answer, serve
from benchmarks.sides.trainer import shared_arguments
from loratory.recipe.base import base_name
from loratory.recipe.schema import PreferenceTask, SigmoidLoss
from loratory.runs.environment import peak_memory_mb

_STAND_IN = {"prompt": "a", "chosen": " b", "rejected": " c"}


class Stock:
    """The trainer of the job's pairs, with one of its adapters."""

    def __init__(self, folder: Path, adapter: str, out: str) -> None:
        recipe = job_recipe(folder)
        assert isinstance(recipe.task, PreferenceTask)
        assert isinstance(recipe.task.loss, SigmoidLoss)
        base = base_name(recipe.base)
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(base)
        self.rows = [_pair(row) for row in read_tokens(folder)]
        self.trainer = DPOTrainer(
            PeftModel.from_pretrained(model, folder / adapter, is_trainable=True),
            args=DPOConfig(
                out,
                beta=recipe.task.loss.beta,
                # Both would slow it down here.
                gradient_checkpointing=False,
                bf16=False,
                **shared_arguments(recipe.training),
            ),
            train_dataset=Dataset.from_list([_STAND_IN]),
            processing_class=tokenizer,
        )
        # It would take rows of tokens for texts, and make tokens of them.
        self.trainer.train_dataset = Dataset.from_list(self.rows)


def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the loss of the first pairs, and their answers' log-probability of a token."""
    del settings
    with tempfile.TemporaryDirectory() as out:
        stock = Stock(folder, CHECK, out)
    trainer: Any = stock.trainer
    rows = stock.rows[:CHECKED_ROWS]
    with torch.inference_mode():
        loss = trainer.compute_loss(trainer.model.eval(), trainer.data_collator(rows))
    said = sum(trainer._metrics["eval"][f"logps/{which}"][-1] for which in ("chosen", "rejected"))
    tokens = sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)
    return [float(loss), said * len(rows) / tokens]


class Timed:
    """The job's training run, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        del settings
        self.folder = folder
        self.start = load_file(folder / START / "adapter_model.safetensors")

    def __call__(self) -> Answer:
        """Train once from the start."""
        with tempfile.TemporaryDirectory() as out:
            trainer = Stock(self.folder, START, out).trainer
            set_peft_model_state_dict(trainer.model, self.start)
            before = time.perf_counter()
            found = trainer.train()
            seconds = time.perf_counter() - before
        return {
            "seconds": seconds,
            "peak_memory_mb": peak_memory_mb(),
            "precision": "float32",
            "mean_loss": found.training_loss,
        }


def _pair(row: dict[str, Any]) -> dict[str, list[int]]:
    chosen, rejected = row["targets"], row["beside"][0]["targets"]
    prompt = row["tokens"][: row["positions"][0] + 1]
    return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


if __name__ == "__main__":
    serve(check, Timed)
