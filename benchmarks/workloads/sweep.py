"""A sweep of twelve trials on 1,000 sentences: four learning rates for each of three ranks.

The peer is twelve stock runs one after the other, each with its own model, tokenizer and data. What
is pruned looks at the validation rows eight times as often, to know when to give up; so the base is
one that learns, because of trials that are all alike none can be given up.
"""

from pathlib import Path

from benchmarks.base import SMOLLM2_TEN
from benchmarks.job import write_job, write_tokens
from benchmarks.limit import Work, training_work
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import Options, Side, Workload
from loratory.tasks.given import given_rows

ROWS, VALIDATION = 1000, 200
VALIDATION_FOLDER = "validation"
RANKS, RATES = (4, 8, 16), (2.0e-4, 5.0e-4, 1.0e-3, 2.0e-3)
_QUICK = 2


def prepare(folder: Path, options: Options) -> Work:
    """Write the job, its sweep and its validation rows."""
    count = options.rows_or(ROWS)
    rows = sentences(count + min(VALIDATION, count), real=not options.quick)
    (folder / VALIDATION_FOLDER).mkdir()
    validation = write_sentences(folder / VALIDATION_FOLDER, rows[count:])
    ranks, rates = (RANKS[:1], RATES[:_QUICK]) if options.quick else (RANKS, RATES)
    started = write_job(
        folder,
        base=options.base,
        recipe="quickstart",
        data=write_sentences(folder, rows[:count]),
        settings={
            "data.validation": validation,
            "sweep": {"values": {"method.r": [*ranks], "training.learning_rate": [*rates]}},
        },
    )
    _, dataset = given_rows(started.tuned.recipe)
    encoded = started.tuned.task.encode(dataset.rows("validation")).rows
    write_tokens(folder / VALIDATION_FOLDER, encoded)
    one = training_work(started.tuned, started.rows)
    trials = len(ranks) * len(rates)
    return Work(one.rows * trials, one.tokens * trials, one.operations * trials)


OURS = Side("sweep")

SWEEP = Workload(
    name="sweep",
    peer="12 x Trainer + PEFT",
    prepare=prepare,
    ours=OURS,
    theirs=Side("separate"),
    base=SMOLLM2_TEN,
    beside={
        "Loratory, pruned": Side(
            "sweep", ("sweep.prune={kind: halving}", "training.evaluate_every=8")
        )
    },
    wanted="1.67 x (0.6 of the time); pruned 2.86 x (0.35)",
)
