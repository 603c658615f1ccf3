"""The ladder: one table of what a run may be shipped as, from its base down to int4.

    base ─► tuned ─► merged ─► int8, int4 after training ─► int8, int4 trained for

Each rung is written to disk, read back and asked the same rows on this machine's processor. What a
rung gains or loses is its paired difference to the tuned run in float32, by the bootstrap, with
McNemar's test where the metric counts rows.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError, NumericsError, RunError
from loratory.export.certificate import Checked
from loratory.export.merge import checked_rows, folded
from loratory.export.quantize import quantize_run
from loratory.export.rung import Rung, measured
from loratory.export.rungs_compared import compared_rungs
from loratory.inference.opened import open_model
from loratory.inference.tuned import Tuned, load_run, untrained
from loratory.methods.elsewhere import settled
from loratory.methods.method import without
from loratory.methods.rounded import layers_to_round
from loratory.methods.transformers_folder import save_model
from loratory.models.checks import weight_files
from loratory.models.load import Base
from loratory.models.whole_numbers import require_torchao
from loratory.recipe.load import load_recipe
from loratory.recipe.method import trains_the_base
from loratory.recipe.quantization import Int4Quantization, Int8Quantization, QuantizationSection
from loratory.recipe.schema import NoMethod
from loratory.report.ladder import draw_ladder, ladder_page
from loratory.runs.atomic import write_file
from loratory.runs.environment import environment
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import json_text, parse_json, read_json, write_json

LADDER = "ladder.json"
BASE, TUNED, MERGED = "base", "tuned, float32", "merged, float32"
_ON_PROCESSOR = {"training.device": "cpu", "training.precision": "float32"}
_KINDS: dict[str, QuantizationSection] = {"int8": Int8Quantization(), "int4": Int4Quantization()}
_ALL = 2**62


def write_ladder(
    run: Path,
    others: Sequence[Path],
    *,
    rows: int | None,
    tell: Callable[[str], None],
    file: Path | None = None,
) -> tuple[dict[str, Any], Path]:
    """Measure every rung, keep the ladder in the run's folder; return it and its page.

    `others` are runs on the same rows that were trained for int8 or int4; asked are `rows` of the
    run's test rows (else validation), or of a `file` like them, absent: all. `tell` hears the name
    of each rung.

    Raises:
        ConfigError: `run` was trained for whole numbers, another was not, its method cannot be
            folded, it has no layer to round, or torchao is not installed.
        RunError: a run is not finished, or was made with other rows or another base.
        DataError, ResourceError: the rows cannot be had, or the disk is full.
    """
    trained_for = _trained_for(run, others)
    tuned = load_run(run, overrides=_ON_PROCESSOR)
    plain = _plain(tuned)
    checked = checked_rows(tuned, run, file, rows or _ALL, splits=("test", "validation", "train"))
    rungs = []
    for rung in _rungs(run, tuned, plain, checked, trained_for, file):
        tell(f"{rung.name}: {rung.missing or 'measured'}")
        rungs.append(rung)
    account = {
        "run": str(run.absolute()),
        "name": tuned.recipe.name,
        "base": tuned.recipe.base,
        "split": checked.split,
        "rows": len(checked.rows),
        "environment": environment() | {"threads_used": tuned.compute.threads},
        "trained_for": {kind: str(path.absolute()) for kind, (path, _) in trained_for.items()},
        **compared_rungs(tuned.recipe, tuned.task.main_metric, rungs, reference=TUNED),
    }
    found: dict[str, Any] = parse_json(json_text(account))
    folder = RunFolder.open(run)
    plot, page = draw_ladder(found), folder.path / "ladder.html"
    write_json(folder.path / LADDER, found)
    (folder.plots / "ladder.png").write_bytes(plot.png)
    write_file(page, ladder_page(found, plot))
    return found, page


def _plain(tuned: Tuned) -> Base:
    """Return the merged model; refuse at once what would end a ladder in its middle."""
    require_torchao()
    plain = folded(tuned)
    layers_to_round(plain.network, Int8Quantization())
    return plain


def _rungs(
    run: Path,
    tuned: Tuned,
    plain: Base,
    checked: Checked,
    trained_for: Mapping[str, tuple[Path, QuantizationSection]],
    file: Path | None,
) -> Iterator[Rung]:
    base_bytes = _bytes(weight_files(tuned.base.source.folder))
    yield _base(tuned, checked, base_bytes)
    adapter = _bytes(RunFolder.open(run).adapter.glob("*.safetensors"))
    whole = adapter if tuned.method.kind == "full" else base_bytes + adapter
    yield measured(TUNED, tuned, checked, size=whole)
    with tempfile.TemporaryDirectory() as place:
        save_model(plain, Path(place))
        size = _bytes(Path(place).glob("*.safetensors"))
    yield measured(MERGED, replace(tuned, base=plain), checked, size=size)
    # As those that were trained for it, so that one difference is left between the two.
    sections = {**_KINDS, **{kind: section for kind, (_, section) in trained_for.items()}}
    for kind, section in sections.items():
        yield _quantised(f"{kind}, after training", run, section, checked, file)
    for kind, section in sections.items():
        name = f"{kind}, trained for it"
        if kind in trained_for:
            yield _quantised(name, trained_for[kind][0], section, checked, file)
        else:
            fix = f"train one with quantization.kind={kind} and name it behind the run"
            yield Rung(name, missing=f"no run trained for it was given; {fix}")


def _base(tuned: Tuned, checked: Checked, size: int) -> Rung:
    """Measure the base: its cost, and its answers where it has any without training."""
    if trains_the_base(settled(tuned.recipe.method)):
        base = untrained(tuned.recipe.model_copy(update={"method": NoMethod()})).base
        rung = measured(BASE, replace(tuned, base=base), checked, size=size)
    else:
        # What was trained beside the base's weights can be taken off, and what is left is the base.
        with without(tuned.base.network):
            rung = measured(BASE, tuned, checked, size=size)
    if not tuned.task.heads:
        return rung
    return replace(rung, predictions=(), missing="untrained it has no answer, only a cost")


def _quantised(
    name: str, run: Path, section: QuantizationSection, checked: Checked, file: Path | None
) -> Rung:
    """Measure a run in whole numbers: written, and read back."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "model"
        try:
            certificate = quantize_run(run, out, section=section, file=file).certificate
        except (ConfigError, NumericsError) as error:
            if error.code not in {"CFG-RANGE", "NUM-QUANT"}:
                raise
            return Rung(name, missing=f"{error.problem}; {error.fix}")
        shipped = open_model(out, overrides={"training.device": "cpu"})
        rung = measured(name, shipped, checked, size=int(certificate["bytes"]))
    return replace(rung, certificate=certificate)


def _trained_for(run: Path, others: Sequence[Path]) -> dict[str, tuple[Path, QuantizationSection]]:
    """Return the other runs by what they were trained for, and how."""
    if load_recipe(RunFolder.open(run).recipe).quantization is not None:
        problem = "the first run of a ladder is one in float32, and this was trained for less"
        raise _not_in_ladder(problem, run)
    found: dict[str, tuple[Path, QuantizationSection]] = {}
    for other in others:
        section = load_recipe(RunFolder.open(other).recipe).quantization
        if section is None:
            raise _not_in_ladder("the run was not trained for int8 or int4", other)
        if section.kind in found:
            raise _not_in_ladder(f"there is another run that was trained for {section.kind}", other)
        _require_same(run, other)
        found[section.kind] = (other, section)
    return found


def _not_in_ladder(problem: str, run: Path) -> ConfigError:
    fix = "loratory quantize RUN [INT8_RUN] [INT4_RUN] --ladder"
    return ConfigError("CFG-USAGE", problem, at=str(run), fix=fix)


def _require_same(run: Path, other: Path) -> None:
    """Refuse runs of which a difference would say something about rows or bases too."""
    before, now = (read_json(RunFolder.open(path).environment)["digests"] for path in (run, other))
    for name in (*(key for key in before if key.endswith(" data")), "base"):
        if before[name] != now.get(name):
            raise RunError(
                "RUN-MISMATCH",
                f"the {name} is not what the first run was made with",
                at=str(other),
                got=now.get(name),
                expected=before[name],
                fix=f"train it with the same {name}",
            )


def _bytes(files: Any) -> int:
    return sum(path.stat().st_size for path in files)
