"""Prediction: the classes of sentences by a tuned classifier; --rows 1000 takes some minutes.

Loratory reads its run, adapter and all; the peer is transformers' pipeline with the same run,
merged into the base, which is what makes it fast.
"""

import json
from pathlib import Path

from benchmarks.job import from_check, job_recipe, write_job
from benchmarks.limit import Work, forward_operations
from benchmarks.sides.pipeline import MERGED
from benchmarks.sides.predict import RUN, TEXTS
from benchmarks.texts import sentences, write_sentences
from benchmarks.workload import Options, Side, Workload, in_auto
from loratory import pipeline
from loratory.export.merge import merge_run
from loratory.tasks.tokens import beginning, token_ids

ROWS = 400
_TRAINED_ON = 4


def prepare(folder: Path, options: Options) -> Work:
    """Train a run that stays almost as it started, merge it, and write the texts for both sides."""
    texts = [row["text"] for row in sentences(options.rows_or(ROWS), real=not options.quick)]
    data = write_sentences(folder, sentences(_TRAINED_ON, real=False))
    settings = {"training.epochs": 1, "training.learning_rate": 1e-12}
    started = write_job(
        folder, base=options.base, recipe="quickstart", data=data, settings=settings
    )
    run = pipeline.train(from_check(folder, job_recipe(folder)), out=folder / RUN)
    merge_run(run.path, folder / MERGED, rows=_TRAINED_ON)
    base = started.tuned.base
    begin = beginning(base.tokenizer, bos=True)
    # Its tokenizer is not told by itself to begin texts as they were learned.
    given = [f"{base.tokenizer.decode([*begin])}{text}" for text in texts]
    whole = json.dumps({"ours": texts, "stock": given})
    (folder / TEXTS).write_text(whole, encoding="utf-8")
    tokens = sum(len(begin) + len(ids) for ids in token_ids(base.tokenizer, texts))
    return Work(len(texts), tokens, float(tokens * forward_operations(base.network)))


OURS = Side("predict")

PREDICTION = Workload(
    name="prediction",
    peer="transformers pipeline",
    prepare=prepare,
    ours=OURS,
    theirs=Side("pipeline"),
    beside=in_auto(OURS),
    wanted="2.2 x",
)
