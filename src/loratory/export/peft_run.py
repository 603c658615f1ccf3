"""A run as a PEFT adapter for others: what it trained, and the tokenizer, checked by reading it.

It is read back here, and by PEFT itself where that is installed: onto the base as transformers' own
class of it, with the head that the task needs.
"""

import shutil
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError
from loratory.export.certificate import (
    TOLERANCE,
    Checked,
    Difference,
    difference,
    head_of,
    logits,
    scores_apart,
    stock_logits,
    stock_model,
)
from loratory.export.merge import (
    CERTIFICATE,
    Merged,
    checked_rows,
    reference,
    refuse_rounded,
    require_free,
)
from loratory.export.parity import float32_bytes, require_near, sizes, told
from loratory.export.reading import save_reading
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned, load_run, untrained
from loratory.methods.peft_folder import BASE, CONFIG, WEIGHTS
from loratory.methods.transformers_folder import save_model
from loratory.recipe.schema import NoMethod
from loratory.runs.atomic import disk_errors
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import json_text, parse_json, read_json, write_json
from loratory.runs.published import publish_folder


def export_peft(run: Path, out: Path, *, rows: int, file: Path | None = None) -> Merged:
    """Write the run's adapter and tokenizer to `out`, for `PeftModel.from_pretrained`.

    Raises:
        ConfigError: the run's method is none of PEFT's (CFG-EXPORT), or rounds (CFG-MERGE).
        NumericsError: NUM-EXPORT, read back it computes something else; nothing was written.
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
        DataError, ResourceError: there are no rows to compare on, or no room on the disk.
    """
    target = out.resolve()
    require_free(target)
    tuned = load_run(run, overrides={"training.precision": "float32", "training.device": "cpu"})
    refuse_rounded(tuned, run)
    adapter = RunFolder.open(run).adapter
    if not (adapter / CONFIG).is_file():
        # A bottleneck is more than other weights, which a plain model has no place for either.
        merges = tuned.method.kind != "bottleneck"
        merged = f", or loratory export {run} --to transformers --out DIR"
        raise ConfigError(
            "CFG-EXPORT",
            f"what {tuned.method.kind} trains is no adapter that PEFT knows",
            at=str(run),
            expected="a run of lora, ia3, prompt or prefix",
            fix="use the run as it is" + merged * merges,
        )
    checked = checked_rows(tuned, run, file, rows)
    size = (adapter / WEIGHTS).stat().st_size
    certificate: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        for name in (CONFIG, WEIGHTS, BASE):
            shutil.copyfile(adapter / name, folder / name)
        tuned.base.tokenizer.save_pretrained(folder)
        save_reading(tuned.recipe, run, folder, kind="peft")
        found = {**reference(tuned, run), **sizes(size, float32_bytes(tuned.base.network))}
        found |= _compared(tuned, folder, checked, at=str(out))
        certificate.update(parse_json(json_text(found)))
        write_json(folder / CERTIFICATE, certificate)

    with disk_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
    publish_folder(target, fill, info={"kind": "peft"}, expected_bytes=size)
    return Merged(out, certificate, (*checked.encoding.notes, *_base_notes(out)))


def _base_notes(folder: Path) -> tuple[str, ...]:
    """Return a note where the base is named by a folder that only this machine has."""
    base = str(read_json(folder / CONFIG)["base_model_name_or_path"])
    if not Path(base).is_absolute():
        return ()
    return (f"the adapter names its base by a folder of this machine, {base}: others name theirs",)


def _compared(tuned: Tuned, folder: Path, checked: Checked, *, at: str) -> dict[str, Any]:
    head, most = head_of(tuned), tuned.compute.tokens_at_once
    fresh = open_model(folder, overrides={"training.device": "cpu"})
    ours, theirs = (
        logits(each.base.network, head, checked.pieces, tokens_at_once=most)
        for each in (tuned, fresh)
    )
    apart = difference(zip(ours, theirs, strict=True))
    require_near(apart, TOLERANCE, reader="Loratory", at=at)
    by_peft = None
    if find_spec("peft") is not None:
        by_peft = _read_by_peft(tuned, folder, checked)
        if by_peft is not None:
            require_near(by_peft, TOLERANCE, reader="PEFT", at=at)
    # The run's own task, since it may have a threshold that was chosen after training.
    runs = (tuned, replace(tuned, base=fresh.base))
    before, after = (each.evaluate(checked.rows, checked.encoding) for each in runs)
    return {
        **told(by_peft or apart, checked, TOLERANCE),
        "read_by": "Loratory" if by_peft is None else "Loratory and PEFT",
        **scores_apart(tuned, before, after),
    }


def _read_by_peft(tuned: Tuned, folder: Path, checked: Checked) -> Difference | None:
    """Compare with PEFT's model on transformers' own class of the base, where there is one."""
    from peft import PeftModel

    base = untrained(tuned.recipe.model_copy(update={"method": NoMethod()})).base
    with tempfile.TemporaryDirectory(dir=folder) as place:
        save_model(base, Path(place))
        model = stock_model(base.network, Path(place))
    if isinstance(model, str):
        return None
    adapted = PeftModel.from_pretrained(model, folder).eval()
    head, most = head_of(tuned), tuned.compute.tokens_at_once
    ours = logits(tuned.base.network, head, checked.pieces, tokens_at_once=most)
    return difference(zip(ours, stock_logits(adapted, head, checked.pieces), strict=True))
