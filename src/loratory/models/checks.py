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
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack")
# Fields with which a configuration has code fetched or imported.
_CODE = ("auto_map", "trust_remote_code", "custom_pipelines", "auto_mapping", "parent_library")


def check_model_folder(folder: Path) -> dict[str, Any]:
    """Return the folder's `config.json` once its files are known to be safe and whole.

    Raises:
        SecurityError: weights only as pickles, or a configuration that would run code.
        ModelError: files are missing or damaged.
    """
    config = _read_json(folder / "config.json")
    for path in sorted(folder.glob("*.json")):
        if path.name in {"config.json", "tokenizer_config.json", "generation_config.json"}:
            _refuse_code(path, _read_json(path))
    for path in weight_files(folder):
        _check_safetensors(path)
    return config


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of the folder, in the order of their names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(_read_json(folder / INDEX).get("weight_map", {}).values()))
        if outside := [name for name in names if Path(str(name)).name != name]:
            raise SecurityError(
                "SEC-NAME",
                "the index names a weight file outside its folder",
                at=str(folder / INDEX),
                got=outside[0],
                fix="get the model again from a source you trust",
            )
        return [folder / name for name in names]
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


def _refuse_code(path: Path, config: dict[str, Any]) -> None:
    for field, value in _fields(config):
        # A kernel is named `owner/name` and would be fetched and loaded.
        kernel = field.endswith("_implementation") and isinstance(value, str) and "/" in value
        if kernel or (field in _CODE and value):
            raise SecurityError(
                "SEC-CODE",
                f"refused: field {field!r} would run code from the model",
                at=str(path),
                fix=f"remove {field!r} if transformers itself knows this architecture",
            )


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every field of nested JSON with its value."""
    if isinstance(value, dict):
        for field, inner in value.items():
            yield field, inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


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


def _check_safetensors(path: Path) -> None:
    try:
        with safe_open(path, framework="numpy") as file:
            if not file.keys():
                raise SafetensorError("it holds no tensor")
    except (OSError, SafetensorError) as error:
        raise ModelError(
            "MODEL-FORMAT",
            f"not a valid safetensors file ({error})",
            at=str(path),
            fix="copy or download the model again",
        ) from None
