"""A network's linear layers begin to round, whatever method is in them; and what does not round.

What is rounded is what will be shipped: of a layer with an update, the weight with the update in
it. Embeddings, norms, what is trained for the task and the projection onto the vocabulary stay as
they are, and everything is accounted for by name.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from loratory.errors import ConfigError
from loratory.methods.method import AdaptedLayer, adapted_layers
from loratory.methods.targets import ends_in, last_parts
from loratory.models.network import Network, probe_batch
from loratory.models.rounding import RoundedLinear, Rounding
from loratory.models.whole_numbers import group_of
from loratory.recipe.quantization import Int4Quantization, Int8Quantization, QuantizationSection


@dataclass(frozen=True)
class RoundedParts:
    """How many numbers of a network are rounded, and how many are not, by the names of parts."""

    form: str
    """What weights and inputs are rounded to, in words."""

    rounded: Mapping[str, int]
    """Numbers of the layers that round, by the last parts of their names."""

    kept: Mapping[str, int]
    """Numbers of everything else, by the last parts of the modules' names."""

    def lines(self) -> list[str]:
        """Return what a person is told."""
        return [
            f"quantised, {self.form}: {_listed(self.rounded)}",
            f"not quantised: {_listed(self.kept)}",
        ]


def round_layers(network: Network, section: QuantizationSection) -> RoundedParts:
    """Let the backbone's linear layers round from now on; return what does and what does not.

    Raises:
        ConfigError: torchao is not installed; a group does not fit in a layer; no layer has a name
            to skip; or what a method or a base does cannot be rounded.
    """
    if network.virtual is not None:
        raise _cannot(
            "what stands before every text is in no layer, and is lost when layers are merged",
            at="method.kind",
            fix="train with another method such as lora, or leave quantization out",
        )
    layers = layers_to_round(network, section)
    parts = RoundedParts(_words(section), *_counts(network, layers))
    adapted = adapted_layers(network)
    for name, layer in layers.items():
        if name in adapted:
            adapted[name].round(section)
        else:
            network.set_submodule(name, RoundedLinear(layer, section))
    _check_used(network, layers)
    return parts


def without_rounding(network: nn.Module) -> None:
    """Let layers that round, and have nothing beside them, compute with their weights as they are.

    Methods are folded first.
    """
    rounded = {n: part for n, part in network.named_modules() if isinstance(part, RoundedLinear)}
    for name, layer in rounded.items():
        network.set_submodule(name, layer.plain())


def layers_to_round(network: Network, section: QuantizationSection) -> dict[str, nn.Linear]:
    """Return the linear layers that are to round, those in adapted ones too, by name and in order.

    Raises:
        ConfigError: there is none, no layer has a name to skip, or a group does not fit in one.
    """
    adapted: dict[str, AdaptedLayer] = adapted_layers(network)
    every: dict[str, nn.Linear] = {}
    for name, module in network.named_modules():
        if not name.startswith(f"{network.prefix}."):
            continue
        if name in adapted:
            every[name] = adapted[name].base
        elif isinstance(module, nn.Linear) and name.rpartition(".")[0] not in adapted:
            every[name] = module
    for ending in section.skip_modules:
        if not any(ends_in(name, ending) for name in every):
            raise ConfigError(
                "CFG-TARGET",
                "no linear layer of the base has this name",
                at="quantization.skip_modules",
                got=ending,
                expected=f"some of {', '.join(last_parts(list(every)))}",
                fix="name other layers, or leave it out",
            )
    found = {
        name: layer
        for name, layer in every.items()
        if not any(ends_in(name, ending) for ending in section.skip_modules)
    }
    if not found:
        raise _cannot(
            "no linear layer is left to round",
            at="quantization",
            fix="skip fewer layers if some are skipped; a recurrent network has none, and goes to "
            "int8 as ONNX: loratory export RUN --to onnx-int8 --out DIR",
        )
    _check_groups(found, section)
    return found


def _check_groups(layers: Mapping[str, nn.Linear], section: QuantizationSection) -> None:
    bad = {
        name: layer.in_features
        for name, layer in layers.items()
        if layer.in_features % group_of(section, layer.in_features)
    }
    if not bad:
        return
    widths = ", ".join(f"{name} ({width})" for name, width in _by_ending(bad).items())
    raise ConfigError(
        "CFG-RANGE",
        f"groups of this size do not fill the inputs of {len(bad)} layers: {widths}",
        at="quantization.group_size",
        got=group_of(section, 0),
        expected="a number that divides all of them",
        fix="set another quantization.group_size, or name these layers in "
        "quantization.skip_modules",
    )


def _by_ending(widths: Mapping[str, int]) -> dict[str, int]:
    return {name.rpartition(".")[2]: width for name, width in widths.items()}


@torch.no_grad()
def _check_used(network: Network, names: Iterable[str]) -> None:
    """Read a few texts; a layer whose weight the base multiplies by itself would not round."""
    network(probe_batch(network))
    for name in names:
        layer = network.get_submodule(name)
        rounding = layer.rounding
        assert isinstance(rounding, Rounding)
        if not rounding.used:
            raise _cannot(
                f"the base does not call its layer {name}, and would not round its weight",
                at="quantization",
                fix=f"set quantization.skip_modules=[{name.rpartition('.')[2]}]",
            )


def _counts(
    network: Network, layers: Mapping[str, nn.Linear]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the numbers of weights that round, and of all others that will be shipped."""
    rounded: defaultdict[str, int] = defaultdict(int)
    kept: defaultdict[str, int] = defaultdict(int)
    for name, layer in layers.items():
        rounded[name.rpartition(".")[2]] += layer.weight.numel()
    weights = {id(layer.weight) for layer in layers.values()}
    beside = tuple(f"{name}." for name in adapted_layers(network))
    for name, parameter in network.named_parameters():
        # What a method holds beside a layer goes into the layer's weight.
        if id(parameter) in weights or (name.startswith(beside) and not name.endswith("bias")):
            continue
        module, _, kind = name.rpartition(".")
        part = module.removesuffix(".base").rpartition(".")[2]
        kept[f"{part}.bias" if kind == "bias" else part] += parameter.numel()
    return dict(rounded), dict(kept)


def _words(section: QuantizationSection) -> str:
    match section:
        case Int8Quantization():
            weights = "weights int8 per output"
        case Int4Quantization():
            weights = f"weights int4 in groups of {section.group_size}"
    inputs = "as they are" if section.activations == "none" else "int8 per token"
    return f"{weights}, inputs {inputs}"


def _listed(parts: Mapping[str, int]) -> str:
    names = ", ".join(f"{name} {count:,}" for name, count in parts.items())
    return f"{sum(parts.values()):,} numbers ({names})" if parts else "nothing"


def _cannot(problem: str, *, at: str, fix: str) -> ConfigError:
    return ConfigError("CFG-QUANT", problem, at=at, fix=fix)
