"""Which linear layers a method means."""

import re
from collections.abc import Collection, Sequence

from torch import nn

from loratory.errors import ConfigError
from loratory.models.network import Network

_BLOCK = re.compile(r"\.(\d+)\.")


def target_names(network: Network, targets: str | Sequence[str]) -> list[str]:
    """Return the full names of the backbone's linear layers that `targets` means, in order.

    As in PEFT: a list holds name endings (whole parts of a name), a text is one regular expression
    for the whole name, and `all-linear` is every linear layer of the backbone.

    Raises:
        ConfigError: a target matches no layer; the message lists the layers there are.
    """
    linears = [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith(f"{network.prefix}.")
    ]
    if not linears:
        raise ConfigError(
            "CFG-TARGET",
            f"a base of type {network.config.model_type} has no linear layer",
            at="method.kind",
            expected="full, or head",
            fix="set method.kind to full",
        )
    if targets == "all-linear":
        return linears
    if isinstance(targets, str):
        pattern = _pattern(targets)
        found = [name for name in linears if pattern.fullmatch(name)]
        if not found:
            raise _no_layer(targets, linears)
        return found
    for target in targets:
        if not any(ends_in(name, target) for name in linears):
            raise _no_layer(target, linears)
    return [name for name in linears if any(ends_in(name, target) for target in targets)]


def last_parts(names: Sequence[str]) -> list[str]:
    """Return the different last parts of `names`, sorted: how people name layers."""
    return sorted({name.rpartition(".")[2] for name in names})


def in_blocks(names: Sequence[str], blocks: Collection[int]) -> list[str]:
    """Return the names of layers that are in these blocks, by number.

    Raises:
        ConfigError: a block is not there, or holds none of the layers.
    """
    numbers = {name: int(found[1]) for name in names if (found := _BLOCK.search(name))}
    if missing := sorted(set(blocks) - set(numbers.values())):
        raise ConfigError(
            "CFG-TARGET",
            "no target layer is in this block of the base",
            at="method.layers_to_transform",
            got=missing[0],
            expected=f"numbers of 0…{max(numbers.values(), default=0)}",
            fix="name other blocks, or leave method.layers_to_transform out",
        )
    return [name for name in names if numbers.get(name) in blocks]


def ends_in(name: str, target: str) -> bool:
    """Tell whether `target` is the whole name or its last parts."""
    return name == target or name.endswith(f".{target}")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(
            "CFG-TARGET",
            f"not a regular expression: {error}",
            at="method.target_modules",
            got=text,
            expected="all-linear, a list of names, or a regular expression for the whole name",
            fix="mend the expression, or write a list such as [q_proj, v_proj]",
        ) from None


def _no_layer(target: str, linears: Sequence[str]) -> ConfigError:
    available = ", ".join(last_parts(linears))
    return ConfigError(
        "CFG-TARGET",
        "no linear layer of the base has this name",
        at="method.target_modules",
        got=target,
        expected=f"some of {available}",
        fix=f"set method.target_modules to all-linear, or to some of: {available}",
    )
