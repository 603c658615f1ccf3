"""Training rows kept aside: to choose a threshold on, and never to train on."""

from dataclasses import replace

from loratory.data.rows import Dataset
from loratory.data.splits import drawn, grouped, held_out_of, parted

KEPT_ASIDE = "threshold"
"""Name of the split."""


def with_kept_aside(dataset: Dataset, rows: int) -> Dataset:
    """Return the data set with about `rows` training rows moved to a split of their own.

    Of questions whole contexts are moved, so that the training rows keep none of them. Like a
    holdout, this is a pure function of the rows.

    Raises:
        DataError: there are no training rows, or too few of them (DATA-SPLIT).
    """
    train = dataset.rows("train")
    groups = grouped(train, KEPT_ASIDE, narrow=True)
    kept, aside = parted(train, drawn(groups, rows, at="task.threshold_rows"), KEPT_ASIDE)
    return replace(
        dataset,
        splits={**dataset.splits, "train": kept, KEPT_ASIDE: aside},
        sources={
            **dataset.sources,
            KEPT_ASIDE: held_out_of(dataset.sources["train"], len(aside)),
        },
    )
