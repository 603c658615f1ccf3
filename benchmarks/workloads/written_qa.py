"""Written answers about paragraphs with several questions: the answer after the prompt.

Questions on one paragraph come in the same step (`training.order: together`), where Loratory reads
it once; the peer's rows are the same, each with its paragraph, the prompt's labels masked.
"""

from pathlib import Path

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.texts import paragraphs, write_paragraphs
from benchmarks.workload import Options, Side, Workload, in_auto

ROWS = 32


def prepare(folder: Path, options: Options) -> Work:
    """Write the job of the recipe for SQuAD v2.0."""
    found = paragraphs(options.rows_or(ROWS), data=options.data, name="squad_v2.0")
    started = write_job(
        folder,
        base=options.base,
        recipe="squad_v2_written",
        data=write_paragraphs(folder, found),
        settings={
            "method.r": 8,
            "method.lora_alpha": 16,
            "task.probes": None,
            "training.epochs": 1,
            "task.too_long": "truncate",
        },
    )
    return training_work(started.tuned, started.rows)


OURS = Side("train")

WRITTEN_QA = Workload(
    name="written_qa",
    peer="Trainer + PEFT",
    prepare=prepare,
    ours=OURS,
    theirs=Side("trainer"),
    beside=in_auto(OURS),
    wanted="4 x",
)
