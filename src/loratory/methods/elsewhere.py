"""PEFT adapters made elsewhere: the method that a folder's configuration and tensors say."""

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from loratory.errors import ModelError
from loratory.methods.method import adapted_layers, without
from loratory.methods.peft_folder import CONFIG, WEIGHTS, adapter_config, modules_of
from loratory.methods.tensor_file import load_tensors
from loratory.models.network import Network, probe_batch
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


def settled(section: MethodSection) -> OwnMethod:
    """Return the section itself, or that of the adapter that it names.

    Raises:
        SecurityError, ModelError: the adapter cannot be read or trusted, or there is no such method.
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
    """Tell whether adapted layers change what the network says of a few tokens."""
    if not adapted_layers(network):
        return True
    batch = probe_batch(network)
    training = network.training
    with torch.no_grad():
        network.eval()
        adapted = network(batch)
        with without(network):
            plain = network(batch)
    network.train(training)
    return not torch.equal(adapted, plain)


def _section(config: dict[str, Any], folder: Path) -> OwnMethod:
    kind = config.get("peft_type")
    match kind:
        case "LORA":
            _refuse_unknown(config, folder)
            names = _names(folder, "lora_A.weight")
            settings = {field: config[field] for field in _LORA_FIELDS if config.get(field)}
            settings["lora_alpha"] = float(config.get("lora_alpha", 8))
            settings["modules_to_save"] = _kept(config)
            return LoraMethod(target_modules=names, **settings)
        case "IA3":
            scaled = config.get("feedforward_modules") or []
            names = _names(folder, "ia3_l")
            inputs = [name for name in names if name.endswith(tuple(scaled))]
            return Ia3Method(target_modules=names, feedforward_modules=tuple(inputs))
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


def _names(folder: Path, ending: str) -> tuple[str, ...]:
    """Return the adapted layers without the name of the backbone, which heads call differently."""
    modules = modules_of(load_tensors(folder / WEIGHTS), ending)
    return tuple(module.partition(".")[2] for module in modules)


def _kept(config: dict[str, Any]) -> tuple[str, ...]:
    """Return the modules that were trained in full, without the heads that the task adds."""
    heads = ("score", "classifier", "qa_outputs")
    return tuple(name for name in config.get("modules_to_save") or () if name not in heads)


def _refuse_unknown(config: dict[str, Any], folder: Path) -> None:
    """Refuse an update whose tensors look like LoRA's and mean something else."""
    usual = (None, False, True, "gaussian", [], {})
    asked = {
        field: config[field]
        for field in ("use_qalora", "lora_bias", "megatron_config", "init_lora_weights")
        if config.get(field) not in usual or (field != "init_lora_weights" and config.get(field))
    }
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
