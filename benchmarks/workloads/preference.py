"""Preference pairs: DPO with LoRA on prompts of 20 tokens and answers of 25, beside TRL with PEFT.

Rows are made up, of whole tokens, so that both sides read the same ones, for as many epochs as the
recipe has. Loratory reads a prompt once for both answers and asks the reference once before
training; TRL reads each answer with its prompt, and the reference in every step.
"""

import json
from pathlib import Path

import torch
from transformers import AutoTokenizer

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.workload import Options, Side, Workload, in_auto
from loratory.models.source import base_source

ROWS = 64
PROMPT, ANSWER = 20, 25


def prepare(folder: Path, options: Options) -> Work:
    """Write the job of the DPO recipe, from a fresh adapter of rank 8."""
    started = write_job(
        folder,
        base=options.base,
        recipe="film_reviews_dpo",
        data=write_pairs(folder, options.base, options.rows_or(ROWS)),
        settings={
            "method": None,
            "method.kind": "lora",
            "method.r": 8,
            "method.lora_alpha": 16,
            "training.batch_size": 8,
        },
    )
    return training_work(started.tuned, started.rows)


def write_pairs(folder: Path, base: str, rows: int) -> str:
    """Write pairs of as many words as tokens; the answer's end is the last of its tokens."""
    tokenizer = AutoTokenizer.from_pretrained(base_source(base).folder)
    whole = [
        word
        for number in range(len(tokenizer))
        if (word := str(tokenizer.decode([number]))).startswith(" ")
        and word[1:].isalpha()
        and word.isascii()
        and tokenizer.encode(word, add_special_tokens=False) == [number]
    ]
    generator = torch.Generator().manual_seed(0)

    def words(count: int) -> str:
        drawn = torch.randint(len(whole), (count,), generator=generator)
        return "".join(whole[number] for number in drawn.tolist())

    # One token of the prompt is the one that begins it.
    pairs = [
        {"prompt": words(PROMPT - 1), "chosen": words(ANSWER - 1), "rejected": words(ANSWER - 1)}
        for _ in range(rows)
    ]
    path = folder / "pairs.jsonl"
    path.write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs), encoding="utf-8")
    return str(path)


OURS = Side("train")

PREFERENCE = Workload(
    name="preference",
    peer="TRL + PEFT",
    prepare=prepare,
    ours=OURS,
    theirs=Side("dpo_trainer"),
    beside=in_auto(OURS),
    wanted="2.5 x, 0.5 x memory",
)
