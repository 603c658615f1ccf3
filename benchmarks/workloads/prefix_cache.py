"""Kept hidden states: LoRA in the top third of the blocks, three epochs, with and without them.

Under the lowest block that trains, all is the same in every epoch.
"""

from pathlib import Path

from benchmarks.job import write_job
from benchmarks.limit import Work, training_work
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import Options, Side, Workload
from loratory.models.load import read_config
from loratory.models.source import base_source

ROWS, EPOCHS = 96, 3


def prepare(folder: Path, options: Options) -> Work:
    """Write the quickstart's job for three epochs, with updates in the top third alone."""
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
    # The lower blocks once, forward; the upper ones in each epoch, there and back.
    passes = (1 - top / blocks) / EPOCHS + 2 * top / blocks
    return training_work(started.tuned, started.rows, passes=passes)


PREFIX_CACHE = Workload(
    name="prefix_cache",
    peer="Loratory, nothing kept",
    prepare=prepare,
    ours=Side("train", ("training.frozen_states=memory",)),
    theirs=Side("train", ("training.frozen_states=off",)),
    wanted="2 x",
)
