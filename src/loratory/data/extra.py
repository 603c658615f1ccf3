"""Texts without labels, beside the training rows: of a file, and altered copies of the rows."""

from pathlib import Path

from loratory.data.perturbed import perturbed
from loratory.data.rows import Dataset, Row
from loratory.data.traits import same_as
from loratory.data.unlabelled import read_texts
from loratory.recipe.schema import DistillationSection


def extra_rows(
    dataset: Dataset, section: DistillationSection, *, column: str, seed: int
) -> tuple[Row, ...]:
    """Return the texts of the section as rows whose label says nothing.

    Texts that stand in the data set already are left out: those of held-out rows, whether the run
    uses them or not, must not be learned from, and training rows are there with their labels.

    Raises:
        DataError: the file cannot be read, or a text is one that a model cannot read.
    """
    rows: list[Row] = []
    if section.extra is not None:
        for number, text in enumerate(read_texts(Path(section.extra), column)):
            rows.append(Row(f"extra/{number}", text.text, 0, text.place))
    train = [row.text for row in dataset.rows("train")]
    for number, altered in enumerate(perturbed(train, copies=section.perturbed, seed=seed)):
        rows.append(Row(f"perturbed/{number}", altered, 0, f"altered text {number + 1}"))
    parts = (*dataset.splits.values(), dataset.held_out)
    known = {same_as(row) for part in parts for row in part}
    return tuple(row for row in rows if same_as(row) not in known)
