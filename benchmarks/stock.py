"""The peer, in a process of its own: transformers' Trainer with PEFT, as their guides show it.

`python -m benchmarks.stock ROWS BASE ADAPTER` trains on ROWS/train.jsonl from the adapter's
weights, scores ROWS/test.jsonl, and prints one line of JSON.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from loratory.runs.environment import peak_memory_mb


def main(rows: Path, base: str, adapter: str) -> dict[str, Any]:
    """Train and score; return seconds, real tokens, peak memory, first loss and accuracy."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    train, test = (_encoded(rows / f"{name}.jsonl", tokenizer) for name in ("train", "test"))
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    model.config.pad_token_id = tokenizer.pad_token_id
    model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            out,
            per_device_train_batch_size=16,
            num_train_epochs=1,
            learning_rate=5e-4,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = Trainer(
            model,
            arguments,
            train_dataset=train,
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=_accuracy,
        )
        start_loss = trainer.evaluate(test[:32])["eval_loss"]
        before = time.perf_counter()
        trainer.train()
        train_seconds = time.perf_counter() - before
        before = time.perf_counter()
        scores = trainer.evaluate(test)
        evaluate_seconds = time.perf_counter() - before
    return {
        "start_loss": start_loss,
        "train_seconds": train_seconds,
        "train_tokens": sum(len(row["input_ids"]) for row in train),
        "evaluate_seconds": evaluate_seconds,
        "evaluate_tokens": sum(len(row["input_ids"]) for row in test),
        "peak_memory_mb": peak_memory_mb(),
        "accuracy": scores["eval_accuracy"],
    }


def _encoded(path: Path, tokenizer: Any) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        {"input_ids": tokenizer(row["text"])["input_ids"], "labels": row["label"]} for row in rows
    ]


def _accuracy(answers: Any) -> dict[str, float]:
    return {"accuracy": float((answers.predictions.argmax(-1) == answers.label_ids).mean())}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[4]))
    result = main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    sys.stdout.write("\n" + json.dumps(result) + "\n")
