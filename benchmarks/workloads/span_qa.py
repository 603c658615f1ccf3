"""Extractive answers in windows of 384 tokens: each token scored as the answer's start and end."""

from pathlib import Path

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.texts import paragraphs, write_paragraphs
from benchmarks.workload import Options, Side, Workload, in_auto

ROWS = 16


def prepare(folder: Path, options: Options) -> Work:
    """Write the job of the recipe for SQuAD v1.1, one question a paragraph."""
    count = options.rows_or(ROWS, quick=4)
    found = paragraphs(count, data=options.data, name="squad_v1.1", each=1)
    started = write_job(
        folder,
        base=options.base,
        recipe="squad",
        data=write_paragraphs(folder, found),
        settings={
            "method.r": 8,
            "method.lora_alpha": 16,
            "training.batch_size": 8,
            "training.epochs": 1,
        },
    )
    return training_work(started.tuned, started.rows)


OURS = Side("train")

SPAN_QA = Workload(
    name="span_qa",
    peer="Trainer + PEFT",
    prepare=prepare,
    ours=OURS,
    theirs=Side("trainer"),
    beside=in_auto(OURS),
    wanted="1.8 x",
)
