"""Label words after a shared instruction: the model's next word is the class.

Every prompt begins with the same 50 or so tokens. The peer learns the label's token with all other
labels masked, and scores the whole vocabulary at every token, as its model class does.
"""

from pathlib import Path

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import Options, Side, Workload, in_auto

ROWS = 64
_NAMES = ("negative", "positive")


def prepare(folder: Path, options: Options) -> Work:
    """Write the job of the recipe with the whole instruction, with the quickstart's method."""
    rows = sentences(options.rows_or(ROWS), real=not options.quick)
    data = write_sentences(folder, [{**row, "label": _NAMES[row["label"]]} for row in rows])
    settings = {
        "method.r": 8,
        "method.lora_alpha": 16,
        "method.target_modules": "all-linear",
        "training.learning_rate": 5e-4,
    }
    started = write_job(
        folder,
        base=options.base,
        recipe="instructions/instruction-full",
        data=data,
        settings=settings,
    )
    return training_work(started.tuned, started.rows)


OURS = Side("train")

LABEL_WORDS = Workload(
    name="label_words",
    peer="Trainer + PEFT",
    prepare=prepare,
    ours=OURS,
    theirs=Side("trainer"),
    beside=in_auto(OURS),
    wanted="5 x, 0.4 x memory",
)
