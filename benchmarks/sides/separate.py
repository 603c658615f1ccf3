"""The peer of a sweep: stock runs of transformers' Trainer with PEFT, one for each choice.

Each loads the model and makes its own adapter, trains, and is scored once on the validation rows.
"""

import gc
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
)

from benchmarks.job import job_recipe, read_tokens
from benchmarks.sides.serve import Answer, serve
from benchmarks.sides.trainer import arguments, check
from benchmarks.workloads.sweep import VALIDATION_FOLDER
from loratory.recipe.base import base_name
from loratory.recipe.schema import LoraMethod
from loratory.recipe.sweep import GridSweep
from loratory.runs.environment import peak_memory_mb


class Timed:
    """The job's choices, one run after the other, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        del settings
        self.folder = folder
        self.recipe = job_recipe(folder)

    def __call__(self) -> Answer:
        """Train and score each choice once."""
        assert isinstance(self.recipe.sweep, GridSweep)
        values = self.recipe.sweep.values
        before = time.perf_counter()
        found = [self._accuracy(r, rate) for r, rate in product(*values.values())]
        seconds = time.perf_counter() - before
        return {
            "seconds": seconds,
            "peak_memory_mb": peak_memory_mb(),
            "precision": "float32",
            "best": max(found),
            "finished": len(found),
        }

    def _accuracy(self, r: int, rate: float) -> float:
        gc.collect()
        method, base = self.recipe.method, base_name(self.recipe.base)
        assert isinstance(method, LoraMethod)
        tokenizer = AutoTokenizer.from_pretrained(base)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
        model.config.pad_token_id = tokenizer.pad_token_id
        lora = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=r,
            lora_alpha=int(method.lora_alpha),
            target_modules="all-linear",
            fan_in_fan_out=model.config.model_type == "gpt2",
        )
        training = self.recipe.training.model_copy(update={"learning_rate": rate})
        with tempfile.TemporaryDirectory() as out:
            trainer = Trainer(
                get_peft_model(model, lora),
                arguments(out, training),
                train_dataset=_labelled(self.folder),
                eval_dataset=_labelled(self.folder / VALIDATION_FOLDER),
                data_collator=DataCollatorWithPadding(tokenizer),
                compute_metrics=_accuracy,
            )
            trainer.train()
            return float(trainer.evaluate()["eval_accuracy"])


def _labelled(folder: Path) -> list[dict[str, Any]]:
    return [
        {"input_ids": row["tokens"], "labels": row["targets"][0]} for row in read_tokens(folder)
    ]


def _accuracy(found: Any) -> dict[str, float]:
    return {"accuracy": float(np.mean(found.predictions.argmax(axis=-1) == found.label_ids))}


if __name__ == "__main__":
    serve(check, Timed)
