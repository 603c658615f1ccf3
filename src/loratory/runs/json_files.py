"""JSON files: strict, readable, and never half-written.

JSON has no NaN and no infinity; a number that is not finite is written as null.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from loratory.errors import RunError
from loratory.runs.atomic import disk_errors, write_file


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as strict JSON, with null for every number that is not finite."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, indent=indent)


def parse_json(text: bytes | str) -> Any:
    """Return the value that strict JSON describes.

    Raises:
        ValueError: The text is not JSON, or uses NaN or Infinity.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def write_json(path: Path, value: Any) -> None:
    """Put `value` in the place of the JSON file, at once."""
    write_file(path, json_text(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Return what the JSON file holds.

    Raises:
        RunError: RUN-FILE, when the file is missing or damaged; RUN-IO.
    """
    with disk_errors(path):
        try:
            return parse_json(path.read_bytes())
        except FileNotFoundError:
            problem, fix = "the file is missing", "continue the run with `loratory train --resume`"
        except ValueError as error:
            problem, fix = f"not JSON ({error})", "make the file again, or restore it from a copy"
    raise RunError("RUN-FILE", problem, at=str(path), fix=fix)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
