"""Classification of short texts: a head on the last token, LoRA of rank 8 on all projections."""

from pathlib import Path

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import Options, Side, Workload, in_auto

ROWS = 128


def prepare(folder: Path, options: Options) -> Work:
    """Write the quickstart's job."""
    rows = sentences(options.rows_or(ROWS), real=not options.quick)
    data = write_sentences(folder, rows)
    started = write_job(folder, base=options.base, recipe="quickstart", data=data)
    return training_work(started.tuned, started.rows)


OURS = Side("train")

CLASSIFICATION = Workload(
    name="classification",
    peer="Trainer + PEFT",
    prepare=prepare,
    ours=OURS,
    theirs=Side("trainer"),
    beside=in_auto(OURS),
    wanted="3.0 x, 0.45 x memory, 0.70 of the limit",
)
