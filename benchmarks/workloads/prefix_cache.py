"""Kept hidden states: LoRA in the top third of the blocks, three epochs, with and without them.

Under the lowest block that trains, all is the same in every epoch, and in every later run on the
same rows, which finds it on the disk.
"""

from pathlib import Path

from benchmarks.job import job_recipe, write_job
from benchmarks.limit import Work, training_work
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import Options, Side, Workload
from loratory import pipeline
from loratory.models.load import read_config
from loratory.models.source import base_source

ROWS, EPOCHS = 96, 3
ON_DISK = ("training.frozen_states=disk",)


def prepare(folder: Path, options: Options) -> Work:
    """Write the quickstart's job for three epochs, with updates in the top third alone.

    One run goes before, which leaves the states on the disk.
    """
    rows = sentences(options.rows_or(ROWS), real=not options.quick)
    blocks = read_config(base_source(options.base)).num_hidden_layers
    top = max(1, blocks // 3)
    settings = {
        "method.layers_to_transform": list(range(blocks - top, blocks)),
        "training.epochs": EPOCHS,
    }
    started = write_job(
        folder,
        base=options.base,
        recipe="quickstart",
        data=write_sentences(folder, rows),
        settings=settings,
    )
    # What is read once only is not kept.
    earlier = job_recipe(folder, (*ON_DISK, "training.epochs=2"))
    pipeline.train(earlier, out=folder / "earlier")
    # The lower blocks once, forward; the upper ones in each epoch, there and back.
    passes = (1 - top / blocks) / EPOCHS + 2 * top / blocks
    return training_work(started.tuned, started.rows, passes=passes)


PREFIX_CACHE = Workload(
    name="prefix_cache",
    peer="Loratory, nothing kept",
    prepare=prepare,
    ours=Side("train", ("training.frozen_states=memory",)),
    theirs=Side("train", ("training.frozen_states=off",)),
    beside={"Loratory, a later run": Side("train", ON_DISK)},
    wanted="2 x",
)
