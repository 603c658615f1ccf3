"""PEFT adapters made elsewhere: the method that a folder's configuration and tensors say."""

import copy
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from loratory.errors import ModelError
from loratory.methods.method import AdaptedLayer, adapted_layers
from loratory.methods.peft_folder import (
    CONFIG,
    PREFIX,
    adapter_config,
    modules_of,
    stored_tensors,
)
from loratory.models.network import Network
from loratory.recipe.schema import (
    Ia3Method,
    LoraMethod,
    MethodSection,
    OwnMethod,
    PeftMethod,
    PrefixMethod,
    PromptMethod,
)

# What these adapters compute is what ours do, only if nothing else is said.
_LORA_FIELDS = (
    *("r", "lora_alpha", "lora_dropout", "rank_pattern", "alpha_pattern"),
    *("use_rslora", "use_dora", "bias"),
)
_OTHER_VARIANTS = (
    *("use_qalora", "lora_bias", "use_bdlora", "alora_invocation_tokens", "arrow_config"),
    *("kasa_config", "monteclora_config", "layer_replication", "target_parameters"),
    "trainable_token_indices",
)
# What a float32 factor or magnitude may be off by; an update that was trained is far more.
_ROUNDING = 1e-6


def settled(section: MethodSection) -> OwnMethod:
    """Return the section itself, or that of the adapter that it names.

    Raises:
        SecurityError, ModelError: the adapter cannot be read or trusted, or is of no method here.
    """
    return section_of(Path(section.folder)) if isinstance(section, PeftMethod) else section


def section_of(folder: Path) -> OwnMethod:
    """Return the method of a PEFT folder.

    Raises:
        SecurityError, ModelError: as `settled`.
    """
    config = adapter_config(folder)
    try:
        return _section(config, folder)
    except (ValidationError, TypeError) as error:
        raise ModelError(
            "ADAPTER-METHOD",
            f"the adapter's settings have no meaning here: {_first_fault(error)}",
            at=str(folder / CONFIG),
            fix="use an adapter with other settings, or train one here",
        ) from None


def has_effect(network: Network) -> bool:
    """Tell whether one of the adapted layers computes anything else than the layer it holds."""
    layers = adapted_layers(network).values()
    return not layers or any(_has_effect(layer) for layer in layers)


@torch.no_grad()
def _has_effect(layer: AdaptedLayer) -> bool:
    """Compare in float64, in which what differs is more than the rounding of two kernels."""
    exact = copy.deepcopy(layer)
    assert isinstance(exact, nn.Module)
    exact.double().eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, layer.base.in_features, generator=generator, dtype=torch.float64)
    x = x.to(layer.base.weight.device)
    plain = exact.base(x)
    return bool((exact(x) - plain).norm() > _ROUNDING * plain.norm())


def _section(config: dict[str, Any], folder: Path) -> OwnMethod:
    kind = config.get("peft_type")
    match kind:
        case "LORA":
            _refuse_unknown(config, folder)
            names = _names(folder, "lora_A.weight")
            settings = {field: config[field] for field in _LORA_FIELDS if config.get(field)}
            settings["lora_alpha"] = float(config.get("lora_alpha", 8))
            settings["modules_to_save"] = _kept(config, folder)
            return LoraMethod(target_modules=names, **settings)
        case "IA3":
            # Factors of inputs are a row. PEFT's setting may be an expression, or hold full names.
            return Ia3Method(
                target_modules=_names(folder, "ia3_l"),
                feedforward_modules=_names(folder, "ia3_l", rows=1),
            )
        case "PROMPT_TUNING":
            return PromptMethod(num_virtual_tokens=config["num_virtual_tokens"])
        case "PREFIX_TUNING":
            return PrefixMethod(num_virtual_tokens=config["num_virtual_tokens"])
        case _:
            raise ModelError(
                "ADAPTER-METHOD",
                "the adapter is of a method that is not here",
                at=str(folder / CONFIG),
                got=kind,
                expected="LORA, IA3, PROMPT_TUNING or PREFIX_TUNING",
                fix="use another adapter, or train one here",
            )


def _names(folder: Path, ending: str, *, rows: int | None = None) -> tuple[str, ...]:
    """Return the adapted layers without the name of the backbone, which heads call differently.

    With `rows`, only those whose tensor has so many.
    """
    tensors = stored_tensors(folder)
    kept = [key for key, tensor in tensors.items() if rows is None or len(tensor) == rows]
    return tuple(module.partition(".")[2] for module in modules_of(kept, ending))


def _kept(config: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """Return the modules that were trained in full, without the heads that the task adds.

    As in PEFT, for which `norm` is the end of `input_layernorm` too.
    """
    saved = config.get("modules_to_save") or ()
    endings = tuple(name for name in saved if name not in ("score", "classifier", "qa_outputs"))
    kept: dict[str, None] = {}
    for key in stored_tensors(folder):
        parts = key.removeprefix(PREFIX).split(".")
        modules = (".".join(parts[:end]) for end in range(1, len(parts)))
        if module := next((module for module in modules if module.endswith(endings)), None):
            kept[module.partition(".")[2] or module] = None
    return tuple(kept)


def _refuse_unknown(config: dict[str, Any], folder: Path) -> None:
    """Refuse an update whose tensors look like LoRA's and mean something else."""
    asked = {field: config[field] for field in _OTHER_VARIANTS if config.get(field)}
    start = config.get("init_lora_weights")
    if start not in (None, False, True, "gaussian"):
        # What these start as is taken out of the base's own weights.
        asked["init_lora_weights"] = start
    if asked:
        raise ModelError(
            "ADAPTER-METHOD",
            "the adapter is of a variant of LoRA that is not here",
            at=str(folder / CONFIG),
            got=asked,
            fix="let PEFT write it as plain LoRA, or train one here",
        )


def _first_fault(error: ValidationError | TypeError) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return str(error)
