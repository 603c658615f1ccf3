"""What a model folder must and must not hold, checked before transformers reads it.

Weights are read from safetensors alone, and nothing in a configuration may bring code with it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from loratory.errors import ModelError, SecurityError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_SUFFIX = ".safetensors"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack")
# Fields with which a configuration has code fetched or imported, or unchecked weights read.
_CODE = (
    *("auto_map", "trust_remote_code", "custom_pipelines", "auto_mapping", "parent_library"),
    "transformers_weights",
)


def check_model_folder(folder: Path) -> dict[str, Any]:
    """Return the folder's `config.json` once its files are known to be safe and whole.

    Raises:
        SecurityError: weights only as pickles, or a configuration that would run code.
        ModelError: files are missing or damaged.
    """
    config = check_settings(folder)
    for path in weight_files(folder):
        _check_safetensors(path)
    return config


def check_settings(folder: Path) -> dict[str, Any]:
    """Return the folder's `config.json` once its settings are known to be safe, weights or not.

    Raises:
        SecurityError, ModelError: as `check_model_folder`, of all but the weights.
    """
    config = _read_json(folder / "config.json")
    _refuse_adapter(folder / "adapter_config.json")
    for path in sorted(folder.glob("*.json")):
        if path.name in {"config.json", "tokenizer_config.json", "generation_config.json"}:
            _refuse_code(path, _read_json(path))
    return config


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of the folder, in the order of their names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        return [folder / name for name in _indexed_names(folder / INDEX)]
    pickles = sorted(path.name for kind in _PICKLES for path in folder.glob(kind))
    if pickles:
        raise SecurityError(
            "MODEL-FORMAT",
            f"no safetensors here, only {pickles[0]}, which could run code when read",
            at=str(folder),
            fix="convert it first: load it in transformers where you trust it, then "
            "save_pretrained(folder)",
        )
    raise ModelError(
        "MODEL-FORMAT",
        f"no weights: {WEIGHTS} is missing",
        at=str(folder),
        fix="name a folder that transformers' save_pretrained has written",
    )


def _indexed_names(index: Path) -> list[str]:
    """Return the names of the weight files that the index lists, sorted."""
    listed = _read_json(index).get("weight_map")
    if not listed or not isinstance(listed, dict):
        raise ModelError(
            "MODEL-FORMAT",
            "the index lists no weights in its weight_map",
            at=str(index),
            fix="copy or download the model again",
        )
    names = sorted({str(name) for name in listed.values()})
    if bad := [name for name in names if Path(name).name != name or Path(name).suffix != _SUFFIX]:
        raise SecurityError(
            "SEC-NAME",
            "the index names a weight file outside its folder, or no safetensors file",
            at=str(index),
            got=bad[0],
            expected=f"the name of a {_SUFFIX} file beside it",
            fix="get the model again from a source you trust",
        )
    return names


def _refuse_adapter(path: Path) -> None:
    """Refuse an adapter beside the weights: transformers would load it where PEFT is installed."""
    if path.exists():
        raise SecurityError(
            "SEC-CODE",
            f"refused: {path.name} would have an adapter loaded into the base",
            at=str(path),
            fix=f"remove {path.name}, or merge the adapter into the base first",
        )


def _refuse_code(path: Path, config: dict[str, Any]) -> None:
    for field, value in _fields(config):
        # A kernel is named `owner/name` and would be fetched and loaded.
        kernel = "_implementation" in field and "/" in json.dumps(value)
        if kernel or (field in _CODE and value):
            raise SecurityError(
                "SEC-CODE",
                f"refused: field {field!r} would run code from the model, or read unchecked files",
                at=str(path),
                fix=f"remove {field!r} if transformers itself knows this architecture",
            )


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every field of nested JSON with its value, however deep."""
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict):
            yield from inner.items()
            left += inner.values()
        elif isinstance(inner, list):
            left += inner


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("not an object")
    except FileNotFoundError:
        problem = f"{path.name} is missing"
    except (OSError, ValueError, RecursionError) as error:
        problem = f"{path.name} cannot be read ({error})"
    else:
        return value
    raise ModelError(
        "MODEL-FORMAT",
        problem,
        at=str(path.parent),
        fix="name a folder that transformers' save_pretrained has written",
    )


def require_whole(path: Path) -> None:
    """Read the header of a safetensors file and nothing else.

    Raises:
        SafetensorError: the file breaks the format's rules, holds no tensor or names one twice.
    """
    with safe_open(path, framework="numpy") as file:
        if not file.keys():
            raise SafetensorError("it holds no tensor")
    with path.open("rb") as raw:
        size = int.from_bytes(raw.read(8), "little")
        # safetensors itself would take the last of two tensors of one name.
        json.loads(raw.read(size), object_pairs_hook=_each_name_once)


def _each_name_once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    if len(found) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise SafetensorError(f"its header names {twice} twice")
    return found


def _check_safetensors(path: Path) -> None:
    try:
        require_whole(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            "MODEL-FORMAT",
            f"not a valid safetensors file ({error})",
            at=str(path),
            fix="copy or download the model again",
        ) from None
