"""Quantising: a run becomes a folder of whole numbers, as near to it as they allow.

    run ─► float32 ─► fold ─► int8 or int4 ─► folder ─► read back, compared ─► published

Of a run that was trained for these numbers nothing is lost on the way: the folder computes what the
run did in training. Of any other this is quantisation after training. Compared is what is on disk:
with the merged model in float32, and with torchao's own rounding of that.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError, NumericsError
from loratory.export.certificate import (
    Checked,
    Difference,
    changed_predictions,
    difference,
    head_of,
    logits,
    scores_apart,
)
from loratory.export.merge import CERTIFICATE, ROWS, checked_rows, folded, reference, require_free
from loratory.export.reading import save_reading
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned, load_run
from loratory.methods.quantised_folder import save_quantised
from loratory.methods.rounded import (
    RoundedParts,
    layers_to_round,
    round_layers,
    without_rounding,
)
from loratory.models.load import Base
from loratory.recipe.quantization import QuantizationSection
from loratory.runs.atomic import disk_errors
from loratory.runs.json_files import json_text, parse_json, write_json
from loratory.runs.published import publish_folder

TOLERANCE = 0.01
"""Of the mean difference between a folder and torchao's rounding, relative to the largest logit.

Both round the same numbers, but sums in another order may put a number on the other side of a step.
"""

LEAST_AGREEMENT = 0.99
"""Share of predictions in which the two must agree, where there are any that are not written word
by word."""

_TOLERANCE_IS = (
    "of the mean difference from torchao's rounding, relative to the largest logit, and absolute "
    "where that is below 1"
)

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Quantised:
    """A quantised model."""

    out: Path
    """Its folder."""

    certificate: dict[str, Any]
    """What `certificate.json` in the folder says."""

    lines: tuple[str, ...]
    """What of it is quantised and what is not."""

    warnings: tuple[str, ...]


def quantize_run(
    run: Path,
    out: Path,
    *,
    section: QuantizationSection | None = None,
    rows: int = ROWS,
    file: Path | None = None,
) -> Quantised:
    """Write the run's model to `out` in whole numbers: as trained for, or as `section` says.

    It is compared on `rows` of the run's validation rows (test or training rows where there are
    none), or of a `file` like them.

    Raises:
        ConfigError: the run's method cannot be folded (CFG-MERGE), groups do not fit (CFG-RANGE),
            the run was not trained for whole numbers and none are named (CFG-USAGE), or torchao
            is not installed (CFG-EXTRA).
        NumericsError: what is on disk does not compute what was rounded (NUM-QUANT).
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    target = out.resolve()
    require_free(target)
    tuned = load_run(run, overrides={"training.precision": "float32", "training.device": "cpu"})
    wished = section or _trained_for(tuned)
    plain = folded(tuned)
    without_rounding(plain.network)
    names, form = tuple(layers_to_round(plain.network, wished)), wished.model_dump(mode="json")
    checked = checked_rows(tuned, run, file, rows)
    certificate: dict[str, Any] = {}
    lines: list[str] = []

    def fill(folder: Path) -> None:
        save_quantised(plain, names, wished, folder)
        save_reading(tuned.recipe, run, folder, kind="quantised", quantization=form)
        found, parts = _compared(tuned, plain, folder, checked, wished)
        lines.extend(parts.lines())
        said = {**reference(tuned, run), "quantization": form, **found, **_sizes(plain, folder)}
        certificate.update(parse_json(json_text(said)))
        write_json(folder / CERTIFICATE, certificate)

    size = sum(p.numel() for p in plain.network.parameters()) * _FLOAT_BYTES
    with disk_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
    publish_folder(target, fill, info={"kind": "quantised"}, expected_bytes=size)
    return Quantised(out, certificate, tuple(lines), checked.encoding.notes)


def _trained_for(tuned: Tuned) -> QuantizationSection:
    section = tuned.recipe.quantization
    if section is None:
        raise ConfigError(
            "CFG-USAGE",
            "the run was not trained for whole numbers of any kind",
            at="command line: --to",
            expected="int8 or int4",
            fix="name them: --to int8",
        )
    return section


def _compared(
    tuned: Tuned, plain: Base, folder: Path, checked: Checked, section: QuantizationSection
) -> tuple[dict[str, Any], RoundedParts]:
    """Compare the folder, read back, with the merged model before and after torchao rounds it.

    Returns what the certificate says of it, and what is quantised; `plain` rounds from then on.
    """
    shipped, merged = open_model(folder), replace(tuned, base=plain)
    from_merged = _difference(merged, shipped, checked)
    before = merged.evaluate(checked.rows, checked.encoding)
    parts = round_layers(plain.network, section)
    from_rounded = _difference(merged, shipped, checked)
    rounded = merged.evaluate(checked.rows, checked.encoding)
    after = shipped.evaluate(checked.rows, checked.encoding)
    changed = changed_predictions(tuned, rounded, after)
    equal = None if changed is None else len(checked.rows) - changed
    # Of what is written one other word changes all that follow.
    share = None if equal is None or tuned.task.writing else equal / len(checked.rows)
    _require_the_same(from_rounded, share, at=str(folder))
    found = {
        "trained_for_it": section == tuned.recipe.quantization,
        "split": checked.split,
        "rows": len(checked.rows),
        "positions": from_merged.positions,
        "tolerance": TOLERANCE,
        "tolerance_is": _TOLERANCE_IS,
        "largest_logit": from_merged.largest_logit,
        "max_logit_difference": from_merged.greatest,
        "mean_logit_difference": from_merged.mean,
        "rounded": {
            "max_logit_difference": from_rounded.greatest,
            "mean_logit_difference": from_rounded.mean,
            "equal_predictions": equal,
        },
        **scores_apart(tuned, before, after),
        "quantised": dict(parts.rounded),
        "not_quantised": dict(parts.kept),
    }
    return found, parts


def _require_the_same(found: Difference, share: float | None, *, at: str) -> None:
    """Refuse a folder that does not compute what was rounded; `share` of predictions are equal."""
    agrees = share is None or share >= LEAST_AGREEMENT
    if agrees and found.mean <= found.allowed(TOLERANCE):
        return
    got = f"logits that differ by {found.mean:.3g} in the mean"
    expected = f"at most {TOLERANCE:g} of the largest logit"
    if share is not None:
        got += f", {share:.1%} equal predictions"
        expected += f", and {LEAST_AGREEMENT:.0%}"
    raise NumericsError(
        "NUM-QUANT",
        "what was written does not compute what was rounded; it is removed",
        at=at,
        got=got,
        expected=expected,
        fix="report it, with the base and the recipe; the run itself is as it was",
    )


def _difference(one: Tuned, other: Tuned, checked: Checked) -> Difference:
    head, most = head_of(one), one.compute.tokens_at_once
    return difference(
        zip(
            logits(one.base.network, head, checked.pieces, tokens_at_once=most),
            logits(other.base.network, head, checked.pieces, tokens_at_once=most),
            strict=True,
        )
    )


def _sizes(plain: Base, folder: Path) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    whole = sum(p.numel() for p in plain.network.parameters()) * _FLOAT_BYTES
    return {"bytes": size, "float32_bytes": whole, "share_of_float32": size / whole}
