"""The adapter folder of PEFT: written for stock PEFT to load, and read back here.

`adapter_model.safetensors` names a tensor `base_model.model.<module>.lora_A.weight`, with A
`[r, in]` and B `[out, r]` also where transformers stores the base transposed (`fan_in_fan_out`).
Further trained modules, such as the head, keep their own names behind `base_model.model.`.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from loratory.errors import ModelError, NumericsError, SecurityError
from loratory.methods.full import stock_name, turned
from loratory.methods.lora import LoraLinear
from loratory.methods.targets import ends_in, last_parts
from loratory.methods.trained import load_trained, trained_parameters, trained_tensors
from loratory.models.checks import require_whole
from loratory.models.network import Network
from loratory.recipe.schema import LoraMethod

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
# Fields by which an adapter would have code imported by name, and the harmless value that PEFT
# writes into every adapter.
_IMPORTS = {"auto_mapping": None, "megatron_config": None, "megatron_core": "megatron.core"}
# What PEFT calls the model classes that have these heads.
_TASK_TYPES = {("score",): "SEQ_CLS", ("qa_outputs",): "QUESTION_ANS", (): "CAUSAL_LM"}
# Variants of LoRA whose tensors look like LoRA's and mean something else.
_VARIANTS = ("use_rslora", "use_dora", "use_qalora", "rank_pattern", "alpha_pattern")


def save_adapter(
    network: Network, method: LoraMethod, folder: Path, *, base: str, heads: tuple[str, ...]
) -> None:
    """Write what trains into `folder` as PEFT would; `heads` are the modules the task added."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        _key(network, name): turned(network, name, tensor)
        for name, tensor in trained_tensors(network).items()
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config = _peft_config(network, method, base=base, heads=heads)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_adapter(network: Network, method: LoraMethod, folder: Path) -> None:
    """Put the folder's tensors into a network that `method` was applied to.

    Raises:
        SecurityError: the adapter is a pickle, or asks for code to be imported.
        ModelError: it is of another method, or its tensors are not the network's, by name or shape.
        NumericsError: a tensor holds values that are not finite.
    """
    _require_same_method(adapter_config(folder), method, folder)
    names = {_key(network, name): name for name in trained_parameters(network)}
    tensors = _read_weights(folder)
    if different := sorted(tensors.keys() ^ names.keys()):
        raise ModelError(
            "ADAPTER-BASE",
            f"{len(different)} tensors of the adapter and of the network do not match",
            at=str(folder / WEIGHTS),
            got=different[0],
            expected="the same names on both sides",
            fix="load the adapter with the base, the method and the labels it was trained with",
        )
    parameters = trained_parameters(network)
    found = {names[key]: turned(network, names[key], tensor) for key, tensor in tensors.items()}
    for key, name in names.items():
        _check_tensor(f"{folder / WEIGHTS}, {key}", found[name], parameters[name])
    load_trained(network, found)


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


def _peft_config(
    network: Network, method: LoraMethod, *, base: str, heads: tuple[str, ...]
) -> dict[str, Any]:
    adapted = [name for name, part in network.named_modules() if isinstance(part, LoraLinear)]
    saved = [
        stock_name(network, name)
        for name, _ in network.named_modules()
        if any(ends_in(name, ending) for ending in method.modules_to_save)
    ]
    return {
        "peft_type": "LORA",
        "task_type": _TASK_TYPES[heads],
        "base_model_name_or_path": base,
        "inference_mode": True,
        "r": method.r,
        "lora_alpha": method.lora_alpha,
        "lora_dropout": method.lora_dropout,
        "target_modules": _targets(network, method, adapted),
        # By their full names: PEFT would take `norm` for `input_layernorm` too.
        "modules_to_save": [*heads, *saved] or None,
        "bias": "none",
        "fan_in_fan_out": bool(network.transposed.intersection(adapted)),
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }


def _targets(network: Network, method: LoraMethod, adapted: list[str]) -> Any:
    """Return the targets so that PEFT finds the same layers in its own class."""
    targets = method.target_modules
    if targets == "all-linear":
        # PEFT would resolve it against its own class, which may have other layers.
        return last_parts(adapted)
    names = [stock_name(network, name) for name in adapted]
    # A class may call its backbone otherwise, and then no expression or full name would match.
    return targets if names == adapted else names


def _require_same_method(config: dict[str, Any], method: LoraMethod, folder: Path) -> None:
    found = {"r": config.get("r"), "lora_alpha": config.get("lora_alpha")}
    found |= {field: config[field] for field in _VARIANTS if config.get(field)}
    expected = {"r": method.r, "lora_alpha": method.lora_alpha}
    if found != expected:
        raise ModelError(
            "ADAPTER-METHOD",
            "the adapter was trained with another method",
            at=str(folder / CONFIG),
            got=found,
            expected=str(expected),
            fix="load the adapter with the method it was trained with; of LoRA's variants there "
            "is none here",
        )


def _key(network: Network, name: str) -> str:
    is_factor = name.endswith((".lora_A", ".lora_B"))
    key = f"{_PREFIX}{stock_name(network, name)}"
    return f"{key}.weight" if is_factor else key


def _read_weights(folder: Path) -> dict[str, Tensor]:
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
    try:
        require_whole(path)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            "MODEL-FORMAT",
            f"not a valid safetensors file ({error})",
            at=str(path),
            fix="copy the adapter folder again, or train it again",
        ) from None


def _check_tensor(at: str, tensor: Tensor, parameter: Tensor) -> None:
    if tensor.shape != parameter.shape:
        raise ModelError(
            "ADAPTER-BASE",
            "the adapter was trained for another base or other labels",
            at=at,
            got=list(tensor.shape),
            expected=str(list(parameter.shape)),
            fix="load the adapter with the base and the labels it was trained with",
        )
    if bad := int((~torch.isfinite(tensor)).sum()):
        raise NumericsError(
            "ADAPTER-NAN",
            f"the adapter has {bad} values that are not finite",
            at=at,
            fix="use an earlier checkpoint, or train again with a lower learning rate",
        )
