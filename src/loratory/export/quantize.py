"""Quantising: a run becomes a folder of whole numbers, as near to it as they allow.

    run ─► float32 ─► fold ─► int8 or int4 ─► folder ─► read back, compared ─► published

Of a run that was trained for these numbers nothing is lost on the way: the folder computes what the
run did in training. Of any other this is quantisation after training. Compared is what is on disk:
with the merged model in float32, and with torchao's own rounding of that.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

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
from loratory.export.parity import float32_bytes, sizes
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

TOLERANCE = 1e-3
"""Of a layer's mean difference from torchao's, where both are given the same, relative to the mean
of what it makes.

Both round the same numbers in the same way, but a sum in another order may put one on the other
side of a step. From layer to layer such steps grow into other logits, of which the certificate
tells.
"""

_TOLERANCE_IS = (
    "of the mean difference of a layer from torchao's rounding of it, where both are given the "
    "same, relative to the mean of what it makes; all that is not rounded is equal"
)


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
    size = float32_bytes(plain.network)
    names, form = tuple(layers_to_round(plain.network, wished)), wished.model_dump(mode="json")
    checked = checked_rows(tuned, run, file, rows)
    certificate: dict[str, Any] = {}
    lines: list[str] = []

    def fill(folder: Path) -> None:
        save_quantised(plain, names, wished, folder)
        save_reading(tuned.recipe, run, folder, kind="quantised", quantization=form)
        found, parts = _compared(tuned, plain, folder, checked, wished)
        lines.extend(parts.lines())
        written = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        said = {**reference(tuned, run), "quantization": form, **found, **sizes(written, size)}
        certificate.update(parse_json(json_text(said)))
        write_json(folder / CERTIFICATE, certificate)

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
    shipped = open_model(folder, overrides={"training.device": "cpu"})
    merged = replace(tuned, base=plain)
    from_merged = _difference(merged, shipped, checked)
    before = merged.evaluate(checked.rows, checked.encoding)
    layers = tuple(layers_to_round(plain.network, section))
    parts = round_layers(plain.network, section)
    most = _farthest(merged, shipped, layers, checked, at=str(folder))
    from_rounded = _difference(merged, shipped, checked)
    rounded = merged.evaluate(checked.rows, checked.encoding)
    after = shipped.evaluate(checked.rows, checked.encoding)
    changed = changed_predictions(tuned, rounded, after)
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
            "layer_difference": most,
            "max_logit_difference": from_rounded.greatest,
            "mean_logit_difference": from_rounded.mean,
            "equal_predictions": None if changed is None else len(checked.rows) - changed,
        },
        **scores_apart(tuned, before, after),
        "quantised": dict(parts.rounded),
        "not_quantised": dict(parts.kept),
    }
    return found, parts


def _farthest(
    rounded: Tuned, shipped: Tuned, layers: Sequence[str], checked: Checked, *, at: str
) -> float:
    """Return by how much the layers on the disk differ from torchao's at most, as `TOLERANCE` says.

    Raises:
        NumericsError: NUM-QUANT, a layer differs by more, or something that is not rounded differs.
    """
    ours, theirs = rounded.base.network, shipped.base.network
    beginnings = tuple(f"{name}." for name in layers)
    kept = dict(theirs.named_parameters())
    for name, part in ours.named_parameters():
        if not (name.startswith(beginnings) or torch.equal(part, kept[name])):
            raise _not_the_same(at=at, got=f"other numbers in {name}", expected="the run's")
    apart, whole = dict.fromkeys(layers, 0.0), dict.fromkeys(layers, 0.0)

    def comparing(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def compare(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            apart[name] += float((theirs.get_submodule(name)(*given) - made).abs().double().sum())
            whole[name] += float(made.abs().double().sum())

        return compare

    hooks = [ours.get_submodule(name).register_forward_hook(comparing(name)) for name in layers]
    for _ in _logits(rounded, checked):
        pass
    for hook in hooks:
        hook.remove()
    found = {name: apart[name] / (whole[name] or 1.0) for name in layers}
    worst = max(found, key=lambda name: found[name])
    if not found[worst] <= TOLERANCE:
        got = f"{worst}, which differs by {found[worst]:.2g} in the mean"
        raise _not_the_same(at=at, got=got, expected=f"at most {TOLERANCE:g} of what it makes")
    return found[worst]


def _not_the_same(*, at: str, got: str, expected: str) -> NumericsError:
    return NumericsError(
        "NUM-QUANT",
        "what was written does not compute what was rounded; it is removed",
        at=at,
        got=got,
        expected=expected,
        fix="report it, with the base and the recipe; the run itself is as it was",
    )


def _difference(one: Tuned, other: Tuned, checked: Checked) -> Difference:
    return difference(zip(_logits(one, checked), _logits(other, checked), strict=True))


def _logits(tuned: Tuned, checked: Checked) -> Iterator[Tensor]:
    at_once = tuned.compute.tokens_at_once
    return logits(tuned.base.network, head_of(tuned), checked.pieces, tokens_at_once=at_once)
