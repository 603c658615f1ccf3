"""Merging: a run becomes a plain transformers folder, if that computes what the run does.

    run ─► float32, from the base as it was ─► fold ─► folder ─► read back, compared ─► published

Compared is what is on disk, not what is in memory: once with our own network and once with the
class of transformers that people will load it with, on real rows.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loratory.data.load import load_file
from loratory.data.rows import AnyRow
from loratory.errors import ConfigError, DataError, ResourceError, RunError, reworded
from loratory.export.certificate import TOLERANCE, Checked, compared, compared_rows
from loratory.export.parity import float32_bytes, sizes
from loratory.export.reading import how_to_read, save_reading
from loratory.inference.references import referred_by_run
from loratory.inference.tuned import Tuned, load_run
from loratory.methods.transformers_folder import WEIGHTS, save_model
from loratory.metrics.temperature import TEMPERATURE
from loratory.models.load import Base
from loratory.recipe.schema import ClassifyTask, task_labels
from loratory.runs.atomic import disk_errors
from loratory.runs.environment import environment
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import json_text, parse_json, read_json, write_json
from loratory.runs.published import publish_folder
from loratory.tasks.given import check_rows, given_rows

CERTIFICATE = "certificate.json"
ROWS = 200


@dataclass(frozen=True)
class Merged:
    """A merged model."""

    out: Path
    """Its folder."""

    certificate: dict[str, Any]
    """What `certificate.json` in the folder says."""

    warnings: tuple[str, ...]


def merge_run(
    run: Path,
    out: Path,
    *,
    rows: int = ROWS,
    file: Path | None = None,
    tolerance: float = TOLERANCE,
) -> Merged:
    """Write the run's model to `out` as one that needs neither Loratory nor an adapter.

    It is compared on `rows` of the run's validation rows (test or training rows where there are
    none), or of a `file` like them.

    Raises:
        ConfigError: CFG-MERGE, the method is more than other weights for the base's layers.
        NumericsError: NUM-MERGE, it differs by more than `tolerance`; nothing was written.
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    target = out.resolve()
    require_free(target)
    tuned = load_run(run, overrides={"training.precision": "float32", "training.device": "cpu"})
    refuse_rounded(tuned, run)
    plain = folded(tuned)
    size = float32_bytes(plain.network)
    checked = checked_rows(tuned, run, file, rows)
    certificate: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        save_model(plain, folder)
        save_reading(tuned.recipe, run, folder, kind="transformers")
        # What is compared is read back from the folder, and needs the room.
        plain.network.to("meta")
        found = compared(tuned, folder, checked, tolerance=tolerance, at=str(out))
        written = sizes((folder / WEIGHTS).stat().st_size, size)
        certificate.update(parse_json(json_text({**reference(tuned, run), **written, **found})))
        write_json(folder / CERTIFICATE, certificate)

    with disk_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
    publish_folder(target, fill, info={"kind": "merged"}, expected_bytes=size)
    return Merged(out, certificate, checked.encoding.notes)


def refuse_rounded(tuned: Tuned, run: Path) -> None:
    """Refuse a run that was trained for whole numbers (CFG-MERGE): a plain model does not round."""
    if tuned.rounded is not None:
        raise ConfigError(
            "CFG-MERGE",
            "the run was trained for whole numbers, and a plain model does not round",
            at=str(run),
            fix=f"write it as it was trained: loratory quantize {run} --out DIR",
        )


def require_free(out: Path) -> None:
    """Refuse to write where something is: the folder itself, or what stands beside it meanwhile.

    Raises:
        RunError: RUN-EXISTS.
    """
    with disk_errors(out):
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise RunError(
                "RUN-EXISTS",
                "the output folder is not an empty folder",
                at=str(out),
                fix="choose another --out",
            )
        beside = [out.with_name(out.name + ending) for ending in (".new", ".old")]
        if there := [path for path in beside if path.exists()]:
            raise RunError(
                "RUN-EXISTS",
                "what a merge writes before it is whole is there already",
                at=str(there[0]),
                fix="remove it if an interrupted merge left it, or choose another --out",
            )


def folded(tuned: Tuned) -> Base:
    """Return a copy of the base, the method in its plain layers, with what stock classes need.

    Raises:
        ConfigError: CFG-MERGE, the method is more than other weights for the base's layers.
    """
    base = replace(
        tuned.base,
        network=copy.deepcopy(tuned.base.network),
        tokenizer=copy.deepcopy(tuned.base.tokenizer),
    )
    tuned.method.fold(base)
    task, config, tokenizer = tuned.recipe.task, base.network.config, base.tokenizer
    if isinstance(task, ClassifyTask):
        labels = task.labels or ()
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
        # Transformers finds a text's last token by leaving out padding behind it.
        tokenizer.padding_side = "right"
        if tokenizer.pad_token is None and tokenizer.eos_token is not None:
            tokenizer.pad_token = tokenizer.eos_token
        config.pad_token_id = tokenizer.pad_token_id
    return base


_SPLITS = ("validation", "test", "train")


def checked_rows(
    tuned: Tuned, run: Path, file: Path | None, most: int, *, splits: Sequence[str] = _SPLITS
) -> Checked:
    """Return at most so many rows to compare models on, of a `file` or of the `run`.

    Of the run's they are from the first of the splits that it has. Where the run has a reference,
    they come with what that says of them.

    Raises:
        DataError, ResourceError: there are none to be had.
        RunError, ModelError: the reference cannot be had, as `referred_by_run` says.
    """
    split, rows = _rows(tuned, file, splits)
    # From all over the split, since rows of one class may stand together.
    count = min(most, len(rows))
    chosen = [rows[number * len(rows) // count] for number in range(count)]
    encoding = referred_by_run(tuned, RunFolder.open(run), split, tuned.task.encode(chosen))
    return Checked(split, chosen, encoding, compared_rows(tuned.task, encoding))


def _rows(tuned: Tuned, file: Path | None, splits: Sequence[str]) -> tuple[str, Sequence[AnyRow]]:
    recipe = tuned.recipe
    if file is not None:
        dataset = load_file(str(file), recipe.data, recipe.task.reads, task_labels(recipe.task))
        check_rows(recipe, dataset)
        return "file", dataset.rows("file")
    try:
        _, dataset = given_rows(recipe)
    except (DataError, ResourceError) as error:
        raise reworded(
            error,
            type(error),
            problem=f"the run's rows cannot be had: {error.problem}",
            fix=f"{error.fix}; or give rows like them with --file",
        ) from None
    split = next(name for name in splits if name in dataset.splits)
    return split, dataset.rows(split)


def reference(tuned: Tuned, run: Path) -> dict[str, Any]:
    """Return what was merged, with what, and how the result is to be read."""
    recipe, folder = tuned.recipe, RunFolder.open(run)
    settled = read_json(folder.settled) if folder.settled.is_file() else {}
    return {
        "reference": {
            "run": str(run.absolute()),
            "name": recipe.name,
            "task": recipe.task.kind,
            "method": tuned.method.kind,
            "base": recipe.base,
            "base_sha256": tuned.base.digest,
            "settled": settled,
        },
        "versions": environment()["versions"],
        "how_to_read": how_to_read(recipe.task, tuned.task, tuned.base.tokenizer)
        + _temperature_words(settled),
    }


def _temperature_words(settled: dict[str, float]) -> str:
    """Return what a reader of probabilities must do to the logits, if anything."""
    temperature = settled.get(TEMPERATURE, 1.0)
    if temperature == 1:
        return ""
    return f" Divide the classes' scores by {temperature:.6g} before softmax, as the run does."
