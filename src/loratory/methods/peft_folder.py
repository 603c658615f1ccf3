"""The adapter folder of PEFT: written for stock PEFT to load, and read back here.

`adapter_model.safetensors` names a tensor `base_model.model.<module>.lora_A.weight`, with A
`[r, in]` and B `[out, r]` also where transformers stores the base transposed (`fan_in_fan_out`).
Further trained modules, such as the head, keep their own names behind `base_model.model.`, and so
do the biases of an adapted layer behind its `base_layer.`. Prompts are called `prompt_embeddings`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from loratory.errors import ModelError, SecurityError
from loratory.methods.tensor_file import load_tensors, put_tensors
from loratory.methods.trained import trained_parameters, trained_tensors
from loratory.methods.transformers_folder import stock_name, turned
from loratory.models.load import Base
from loratory.models.network import Network

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
# Beside them, because PEFT knows no field for it: which base this is, to the bit.
BASE = "base.json"
# Fields by which an adapter would have code imported by name, and the harmless value that PEFT
# writes into every adapter.
_IMPORTS = {"auto_mapping": None, "megatron_config": None, "megatron_core": "megatron.core"}
# What PEFT calls the model classes that have these heads.
_TASK_TYPES = {("score",): "SEQ_CLS", ("qa_outputs",): "QUESTION_ANS", (): "CAUSAL_LM"}
# The settings that decide what an adapter's tensors mean, of all methods.
_DECIDING = (
    *("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "use_qalora"),
    *("num_virtual_tokens",),
)


def save_adapter(
    base: Base, folder: Path, settings: Mapping[str, Any], *, heads: tuple[str, ...]
) -> None:
    """Write what trains into `folder` as PEFT would.

    `settings` are the method's own, under PEFT's names; `heads` are the modules the task added.
    """
    tensors = {
        peft_key(base.network, name): turned(base.network, name, tensor)
        for name, tensor in trained_tensors(base.network).items()
    }
    write_folder(base, folder, tensors, settings, heads=heads)


def write_folder(
    base: Base,
    folder: Path,
    tensors: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    *,
    heads: tuple[str, ...],
) -> None:
    """Write tensors, by their keys in the file, and the configuration.

    Older versions of PEFT refuse settings they do not know, so only those that say something are
    written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / BASE).write_text(json.dumps({"sha256": base.digest}) + "\n", encoding="utf-8")
    source = base.source
    config = {
        "task_type": _TASK_TYPES[heads],
        "base_model_name_or_path": source.name if source.kind == "hub" else str(source.folder),
        "inference_mode": True,
        **settings,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_adapter(base: Base, folder: Path, settings: Mapping[str, Any]) -> None:
    """Put the folder's tensors into a base that the method with `settings` was applied to.

    Raises:
        SecurityError: the adapter is a pickle, or asks for code to be imported.
        ModelError: it is of another method or base, or its tensors are not the network's.
        NumericsError: a tensor holds values that are not finite.
    """
    require_settings(folder, settings)
    put_adapter(base, folder, adapter_tensors(base, folder))


def put_adapter(base: Base, folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors, by their keys in the file, into what trains.

    Raises:
        ModelError, NumericsError: as `load_adapter`.
    """
    network = base.network
    names = {peft_key(network, name): name for name in trained_parameters(network)}
    found = {names.get(key, key): tensor for key, tensor in tensors.items()}
    put_tensors(
        trained_parameters(network),
        {name: turned(network, name, tensor) for name, tensor in found.items()},
        at=folder / WEIGHTS,
        keys={name: key for key, name in names.items()},
    )


def adapter_tensors(base: Base, folder: Path) -> dict[str, Tensor]:
    """Return the folder's tensors by their keys.

    Raises:
        SecurityError: the adapter is a pickle.
        ModelError: the file cannot be read, or says that it is for another base.
    """
    _require_same_base(base, folder / BASE)
    return stored_tensors(folder)


def _require_same_base(base: Base, path: Path) -> None:
    """Refuse an adapter that says it is for another base; those of other tools say nothing."""
    if not path.is_file():
        return
    try:
        digest = json.loads(path.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        digest = "not readable"
    if digest != base.digest:
        raise ModelError(
            "ADAPTER-BASE",
            "the adapter was trained on another base",
            at=str(path),
            got=base.digest,
            expected=digest,
            fix="name the base that the adapter was trained on",
        )


def stored_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the folder's tensors by their keys, whatever base they are for.

    Raises:
        SecurityError: the adapter is a pickle.
        ModelError: the file cannot be read.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        pickles = sorted(
            p.name for p in folder.glob("adapter_model.*") if p.suffix != ".safetensors"
        )
        if pickles:
            raise SecurityError(
                "MODEL-FORMAT",
                f"the adapter is a pickle ({pickles[0]}), which could run code when read",
                at=str(folder),
                fix="save it again with PEFT's save_pretrained(..., safe_serialization=True)",
            )
    return load_tensors(path)


def require_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse an adapter of another method, or of other settings that decide what it computes.

    Raises:
        SecurityError, ModelError: as `adapter_config`, or the settings differ.
    """
    config = adapter_config(folder)
    fields = ["peft_type", *_DECIDING]
    found = {field: config[field] for field in fields if config.get(field)}
    expected = {field: settings[field] for field in fields if settings.get(field)}
    if _plain(found) != _plain(expected):
        raise ModelError(
            "ADAPTER-METHOD",
            "the adapter was trained with another method",
            at=str(folder / CONFIG),
            got={key: value for key, value in found.items() if expected.get(key) != value},
            expected=str(expected),
            fix="load the adapter with the method it was trained with",
        )


def adapter_config(folder: Path) -> dict[str, Any]:
    """Return the folder's PEFT configuration; refuse one that would import code."""
    path = folder / CONFIG
    try:
        config = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            "ADAPTER-FILE",
            f"the adapter's configuration cannot be read ({error})",
            at=str(path),
            fix="name a folder that holds adapter_config.json and adapter_model.safetensors",
        ) from None
    for field, usual in _IMPORTS.items():
        if config.get(field) not in (None, usual):
            raise SecurityError(
                "SEC-IMPORT",
                f"the adapter asks for code to be imported by its field {field!r}",
                at=str(path),
                fix=f"remove {field!r} from the file if you trust the adapter's weights",
            )
    return config


def peft_key(network: Network, name: str) -> str:
    """Return PEFT's key for the trained tensor called `name`."""
    module, _, tensor = name.rpartition(".")
    if tensor in ("lora_A", "lora_B"):
        name = f"{name}.weight"
    if module.endswith(".base"):
        name = f"{module.removesuffix('.base')}.base_layer.{tensor}"
    return f"{PREFIX}{stock_name(network, name)}"


def modules_of(tensors: Iterable[str], ending: str) -> list[str]:
    """Return the modules that have a tensor whose key ends in `.ending`, in order."""
    return [
        key.removeprefix(PREFIX).removesuffix(f".{ending}")
        for key in tensors
        if key.endswith(f".{ending}")
    ]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings so that 8 and 8.0 are the same, and so are lists in any order."""
    return json.loads(json.dumps(settings, sort_keys=True), parse_int=float)  # type: ignore[no-any-return]
