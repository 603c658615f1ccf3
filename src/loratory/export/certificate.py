"""What stands in a certificate: how far two networks are apart that should compute the same.

    allowed difference = tolerance * max(1, largest logit)

The tolerance is relative to the largest logit, and absolute where that is below 1: float32 keeps
about seven digits of a number, so that no two ways to compute a large one agree any closer.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from loratory.batching.flat import flatten
from loratory.batching.plan import split_by_tokens
from loratory.batching.rows import EncodedRow, Encoding
from loratory.data.rows import AnyRow
from loratory.errors import ModelError, NumericsError
from loratory.inference.opened import open_model
from loratory.inference.tuned import Evaluation, Tuned
from loratory.methods.transformers_folder import stock_class
from loratory.models.network import Network
from loratory.recipe.schema import TextTask
from loratory.tasks.task import Task

TOLERANCE = 2e-5
TOLERANCE_IS = "relative to the largest logit, and absolute where that is below 1"


@dataclass(frozen=True)
class Checked:
    """The rows on which a merged model must do what the run does."""

    split: str
    rows: Sequence[AnyRow]
    encoding: Encoding
    pieces: Sequence[EncodedRow]


@dataclass(frozen=True)
class Difference:
    """How far a network's logits are from those they should be."""

    greatest: float
    mean: float
    largest_logit: float
    """The largest of those they should be, without its sign."""

    positions: int
    alike: int
    """Positions of which both find the same logit the largest."""

    def allowed(self, tolerance: float) -> float:
        """Return the difference that `tolerance` allows for logits this large."""
        return tolerance * max(1.0, self.largest_logit)

    def require(self, tolerance: float, *, of: str, at: str) -> None:
        """Refuse a difference above the tolerance, or one that is no number.

        Raises:
            NumericsError: NUM-MERGE, with both numbers.
        """
        allowed = self.allowed(tolerance)
        if not self.greatest <= allowed:
            raise NumericsError(
                "NUM-MERGE",
                f"the merged model, as {of} reads it, does not compute what the run does; nothing "
                "was written",
                at=at,
                got=f"a logit that differs by {self.greatest:.3g}",
                expected=f"at most {allowed:.3g} (tolerance {tolerance:g}, {TOLERANCE_IS})",
                fix=f"use the run as it is{self._wider()}",
            )

    def _wider(self) -> str:
        """Return the advice for whom the difference does not matter, where it is a number."""
        if not math.isfinite(self.greatest):
            return ""
        enough = 1.1 * self.greatest / max(1.0, self.largest_logit)
        return (
            f", or write it by `loratory merge` with --tolerance={enough:.2g} if so large a "
            "difference does not matter to you"
        )


def difference(pairs: Iterable[tuple[Tensor, Tensor]]) -> Difference:
    """Compare what logits should be with what they are, both `[positions, width]`, part by part."""
    greatest, largest = torch.zeros(()), torch.zeros(())
    total, count, positions, alike = 0.0, 0, 0, 0
    for expected, found in pairs:
        if expected.shape != found.shape:
            raise ValueError(f"{list(found.shape)} logits, and not {list(expected.shape)}")
        apart = (found - expected).abs()
        # Unlike Python's own max, these keep a NaN.
        greatest = torch.maximum(greatest, apart.max())
        largest = torch.maximum(largest, expected.abs().max())
        total, count = total + float(apart.double().sum()), count + apart.numel()
        positions += len(expected)
        alike += int((found.argmax(-1) == expected.argmax(-1)).sum())
    if not positions:
        raise ValueError("nothing to compare")
    return Difference(float(greatest), total / count, float(largest), positions, alike)


def compared_rows(task: Task, encoding: Encoding) -> list[EncodedRow]:
    """Return the encoded rows at whose positions the task reads the network, the shortest first.

    Of a task that writes, those with the right answer: there all of an answer is read.
    """
    asked = {id(piece): piece for pieces in encoding.asked for piece in pieces}
    rows = encoding.rows if task.writing is not None else asked.values()
    return sorted((row for row in rows if row.positions), key=len)


def logits(
    network: Network, head: str | None, rows: Sequence[EncodedRow], *, tokens_at_once: int
) -> Iterator[Tensor]:
    """Yield each row's logits, `[positions, width]`: of the head, or without one of the words."""
    for part in split_by_tokens([len(row) for row in rows], tokens_at_once):
        yield from _part_logits(network, head, rows[part])


@torch.inference_mode()
def _part_logits(
    network: Network, head: str | None, rows: Sequence[EncodedRow]
) -> tuple[Tensor, ...]:
    batch = flatten(rows, network.device)
    hidden = network(batch)[batch.read_at]
    found: Tensor = network.logits(hidden) if head is None else network.get_submodule(head)(hidden)
    parts: tuple[Tensor, ...] = found.split(batch.counts)
    return parts


def stock_logits(model: Any, head: str | None, rows: Sequence[EncodedRow]) -> Iterator[Tensor]:
    """Yield the same as transformers' own class computes it: one text at a time, no padding."""
    for text in (text for row in rows for text in row.texts):
        yield _stock_logits(model, head, text)


@torch.inference_mode()
def _stock_logits(model: Any, head: str | None, row: EncodedRow) -> Tensor:
    found = model(input_ids=torch.tensor([row.tokens]))
    if head == "score":  # of the text's last token, as it is
        last: Tensor = found.logits
        return last
    if head == "qa_outputs":
        every = torch.stack([found.start_logits, found.end_logits], -1)[0]
    else:
        every = found.logits[0]
    # From the end: PEFT's models may return what stands before the text too.
    read: Tensor = every[[place - len(row.tokens) for place in row.positions]]
    return read


def compared(
    tuned: Tuned, folder: Path, checked: Checked, *, tolerance: float, at: str
) -> dict[str, Any]:
    """Return what the certificate says once `folder` is read back and compared with the run.

    Raises:
        NumericsError: NUM-MERGE, one of them came out above the tolerance.
    """
    ours, after = _read_back(tuned, folder, checked)
    ours.require(tolerance, of="Loratory", at=at)
    stock = _read_by_transformers(tuned, folder, checked, tolerance=tolerance, at=at)
    before = tuned.evaluate(checked.rows, checked.encoding)
    return {
        "precision": "float32",
        "split": checked.split,
        "rows": len(checked.rows),
        "positions": ours.positions,
        "tolerance": tolerance,
        "tolerance_is": TOLERANCE_IS,
        "largest_logit": ours.largest_logit,
        "allowed_logit_difference": ours.allowed(tolerance),
        "max_logit_difference": ours.greatest,
        "mean_logit_difference": ours.mean,
        "transformers": stock,
        **scores_apart(tuned, before, after),
    }


def scores_apart(tuned: Tuned, before: Evaluation, after: Evaluation) -> dict[str, Any]:
    """Return the metric of both, how far apart they are, and how many predictions are others."""
    metric = tuned.task.main_metric
    was, now = (found.scores.metrics.get(metric) for found in (before, after))
    return {
        "metric": metric,
        "metric_before": was,
        "metric_after": now,
        "metric_difference": None if was is None or now is None else now - was,
        "changed_predictions": changed_predictions(tuned, before, after),
    }


def changed_predictions(tuned: Tuned, before: Evaluation, after: Evaluation) -> int | None:
    """Return how many predictions are others; None of plain text, of which nothing is predicted."""
    if isinstance(tuned.recipe.task, TextTask):
        return None
    pairs = zip(before.predictions, after.predictions, strict=True)
    return sum(one.prediction != other.prediction for one, other in pairs)


def require_same_tokens(fresh: Tuned, checked: Checked, *, at: str) -> None:
    """Refuse a tokenizer that makes other tokens of the rows once written and read back.

    Raises:
        ModelError: MODEL-TOKENIZER.
    """
    if _read(fresh.task.encode(checked.rows)) != _read(checked.encoding):
        raise ModelError(
            "MODEL-TOKENIZER",
            "the tokenizer, once written and read back, makes other tokens of the rows",
            at=at,
            fix="use the run as it is; a tokenizer.json beside the base's weights may help",
        )


def _read(encoding: Encoding) -> list[Any]:
    """Return the tokens of all texts, and where they are read."""
    rows = [*encoding.rows, *(piece for pieces in encoding.asked for piece in pieces)]
    return [(text.segments, text.positions) for row in rows for text in row.texts]


def _read_back(tuned: Tuned, folder: Path, checked: Checked) -> tuple[Difference, Evaluation]:
    """Read the folder as a new network of ours; return how far it is off, and how it does."""
    fresh = open_model(folder, overrides={"training.device": "cpu"})
    require_same_tokens(fresh, checked, at=str(tuned.base.source.folder))
    head, most = head_of(tuned), tuned.compute.tokens_at_once
    found = difference(
        zip(
            logits(tuned.base.network, head, checked.pieces, tokens_at_once=most),
            logits(fresh.base.network, head, checked.pieces, tokens_at_once=most),
            strict=True,
        )
    )
    # The run's own task, since it may have a threshold that was chosen after training.
    return found, replace(tuned, base=fresh.base).evaluate(checked.rows, checked.encoding)


def _read_by_transformers(
    tuned: Tuned, folder: Path, checked: Checked, *, tolerance: float, at: str
) -> dict[str, Any]:
    """Compare with transformers' own class of such a network, where there is one."""
    network, head = tuned.base.network, head_of(tuned)
    model = stock_model(network, folder)
    if isinstance(model, str):
        return {"class": None, "why": model}
    name = type(model).__name__
    most = tuned.compute.tokens_at_once
    found = difference(
        zip(
            logits(network, head, checked.pieces, tokens_at_once=most),
            stock_logits(model.eval(), head, checked.pieces),
            strict=True,
        )
    )
    found.require(tolerance, of=f"transformers' {name}", at=at)
    return {
        "class": name,
        "max_logit_difference": found.greatest,
        "mean_logit_difference": found.mean,
    }


def stock_model(network: Network, folder: Path, **settings: Any) -> Any:
    """Return the folder as transformers' own class of such a network reads it, or why none does."""
    name = stock_class(network)
    if name is None:
        return f"transformers has no class for {network.config.model_type} with this head"
    model, info = getattr(transformers, name).from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **settings,
    )
    keys = {*info["missing_keys"], *info["unexpected_keys"]}
    if other := sorted(key for key in keys if not key.startswith(f"{model.base_model_prefix}.")):
        return f"{name} has another head, which has or lacks {other[0]}"
    return model


def head_of(tuned: Tuned) -> str | None:
    """Return the name of the task's head; None where that is the base's own words."""
    return next(iter(tuned.task.heads), None)
