"""A run as one file for another runtime, if that computes with it what the run does.

    run ─► float32 ─► fold ─► file ─► folder ─► read back, compared ─► published

What the file is, and who reads it back, each format says for itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loratory.export.certificate import Checked
from loratory.export.merge import (
    CERTIFICATE,
    Merged,
    folded,
    reference,
    refuse_rounded,
    require_free,
)
from loratory.export.parity import float32_bytes, sizes
from loratory.export.reading import save_reading
from loratory.inference.opened import ExportKind
from loratory.inference.tuned import Tuned, load_run
from loratory.methods.transformers_folder import save_config
from loratory.models.load import Base
from loratory.models.onnx_file import file_sha256
from loratory.runs.atomic import disk_errors
from loratory.runs.json_files import json_text, parse_json, write_json
from loratory.runs.published import publish_folder


@dataclass(frozen=True)
class Source:
    """A run that is exported."""

    run: Path
    out: Path
    tuned: Tuned
    """As it was tuned, in float32."""

    plain: Base
    """A copy with the method in its weights."""

    bytes: int
    """Of the weights in float32."""


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    kind: ExportKind
    file: str
    write: Callable[[Path], Mapping[str, Any]]
    """Writes the file into a folder, and returns what the certificate says of it."""

    compare: Callable[[Path], Mapping[str, Any]]
    """Returns what the certificate says once the folder is opened again and asked the same."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the packages that write and read the file."""

    opened_with: Mapping[str, Any] = field(default_factory=dict)
    """What else the folder says to who opens it."""


def open_source(run: Path, out: Path) -> Source:
    """Return the run, read in float32 on the processor.

    Raises:
        ConfigError: CFG-MERGE, the method cannot be merged.
        RunError: there is no such finished run, or `out` is not an empty folder (RUN-EXISTS).
    """
    require_free(out.resolve())
    tuned = load_run(run, overrides={"training.precision": "float32", "training.device": "cpu"})
    refuse_rounded(tuned, run)
    plain = folded(tuned)
    return Source(run, out, tuned, plain, float32_bytes(plain.network))


def publish_file(source: Source, checked: Checked, format_: Format) -> Merged:
    """Write the folder and its certificate; nothing is left of one that does not compare.

    Raises:
        NumericsError: NUM-EXPORT, by the format's comparison.
        ResourceError: there is no room on the disk.
    """
    certificate: dict[str, Any] = {}
    config = source.plain.network.config

    def fill(folder: Path) -> None:
        written = format_.write(folder)
        save_config(source.plain, config, folder)
        path = folder / format_.file
        size, digest = path.stat().st_size, file_sha256(path)
        further = {**format_.opened_with, "sha256": digest}
        save_reading(source.tuned.recipe, source.run, folder, kind=format_.kind, **further)
        found = reference(source.tuned, source.run)
        found["versions"] |= format_.versions
        found |= {**written, **sizes(size, source.bytes), **format_.compare(folder)}
        certificate.update(parse_json(json_text(found)))
        write_json(folder / CERTIFICATE, certificate)

    target = source.out.resolve()
    with disk_errors(source.out):
        target.parent.mkdir(parents=True, exist_ok=True)
    publish_folder(target, fill, info={"kind": format_.kind}, expected_bytes=2 * source.bytes)
    return Merged(source.out, certificate, checked.encoding.notes)
