"""Texts without labels, beside the training rows: of a file, and altered copies of the rows.

Texts that stand in the data set already are left out: those of held-out rows, whether the run uses
them or not, must not be learned from, and training rows are there with their labels.
"""

from pathlib import Path

from loratory.data.bad_rows import BadRows
from loratory.data.perturbed import perturbed
from loratory.data.rows import Dataset, Row
from loratory.data.traits import same_as
from loratory.data.unlabelled import readable_texts
from loratory.recipe.schema import DataSection, DistillationSection


def extra_rows(
    dataset: Dataset, section: DistillationSection, data: DataSection
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Return the texts of the section's file as rows, and what to warn of; a label says nothing.

    As many of the texts may be malformed as of the rows.

    Raises:
        DataError: the file cannot be read, or too many texts are such that a model cannot read.
    """
    if section.extra is None:
        return (), ()
    texts, faults = readable_texts(Path(section.extra), data.text)
    BadRows(data.max_bad_rows).leave_out(faults)
    rows = [Row(f"extra/{number}", t.text, 0, t.place) for number, t in enumerate(texts)]
    new = _new(rows, dataset)
    notes = []
    if faults:
        first = f"first: {faults[0].at}, {faults[0].problem}"
        notes.append(f"malformed extra texts left out: {len(faults)} ({first})")
    if known := len(rows) - len(new):
        notes.append(f"extra texts left out that stand in the data set already: {known}")
    return new, tuple(notes)


def altered_rows(dataset: Dataset, section: DistillationSection, *, seed: int) -> tuple[Row, ...]:
    """Return the altered copies of training texts as rows whose label says nothing."""
    train = [row.text for row in dataset.rows("train")]
    copies = perturbed(train, copies=section.perturbed, seed=seed)
    rows = [
        Row(f"perturbed/{number}", altered, 0, f"altered text {number + 1}")
        for number, altered in enumerate(copies)
    ]
    return _new(rows, dataset)


def _new(rows: list[Row], dataset: Dataset) -> tuple[Row, ...]:
    parts = (*dataset.splits.values(), dataset.held_out)
    known = {same_as(row) for part in parts for row in part}
    return tuple(row for row in rows if same_as(row) not in known)
