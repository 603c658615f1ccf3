"""The peer, in a process of its own: transformers' Trainer with PEFT, as their guides show it.

`python -m benchmarks.stock ROWS BASE CORES` trains on ROWS/train-tokens.jsonl from the adapter in
ROWS/start, scores ROWS/test-tokens.jsonl, and prints one line of JSON. What the recipe of the
quickstart says about training is read from it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from benchmarks.ours import CHECKED_ROWS
from loratory.recipe.load import load_recipe
from loratory.runs.environment import peak_memory_mb


def main(rows: Path, base: str) -> dict[str, Any]:
    """Train and score; return seconds, real tokens, peak memory, the checked loss and accuracy."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    train, test = (_read(rows / f"{name}-tokens.jsonl") for name in ("train", "test"))
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    model.config.pad_token_id = tokenizer.pad_token_id
    model = PeftModel.from_pretrained(model, rows / "check", is_trainable=True)
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(
            model,
            _arguments(out),
            train_dataset=train,
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=_accuracy,
        )
        checked_loss = trainer.evaluate(test[:CHECKED_ROWS])["eval_loss"]
        start = load_file(rows / "start" / "adapter_model.safetensors")
        set_peft_model_state_dict(model, start)
        before = time.perf_counter()
        trainer.train()
        train_seconds = time.perf_counter() - before
        before = time.perf_counter()
        scores = trainer.evaluate(test)
        evaluate_seconds = time.perf_counter() - before
    return {
        "checked_loss": checked_loss,
        "train_seconds": train_seconds,
        "train_tokens": sum(len(row["input_ids"]) for row in train),
        "evaluate_seconds": evaluate_seconds,
        "evaluate_tokens": sum(len(row["input_ids"]) for row in test),
        "peak_memory_mb": peak_memory_mb(),
        "accuracy": scores["eval_accuracy"],
    }


def _arguments(out: str) -> TrainingArguments:
    training = load_recipe("quickstart").training
    return TrainingArguments(
        out,
        per_device_train_batch_size=training.batch_size,
        num_train_epochs=training.epochs,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        adam_beta1=training.beta1,
        adam_beta2=training.beta2,
        adam_epsilon=training.epsilon,
        max_grad_norm=training.max_grad_norm or 0.0,
        use_cpu=True,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _accuracy(answers: Any) -> dict[str, float]:
    return {"accuracy": float((answers.predictions.argmax(-1) == answers.label_ids).mean())}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    result = main(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.write("\n" + json.dumps(result) + "\n")
