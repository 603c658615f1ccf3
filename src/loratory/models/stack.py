"""The blocks of a backbone: where they are, and the same backbone with others in their place."""

import copy
from collections.abc import Sequence
from typing import Any, cast

from torch import nn


def name_of_blocks(backbone: nn.Module) -> str | None:
    """Return the name of the list of blocks in the backbone, None where there is none."""
    config: Any = backbone.config
    count = getattr(config, "num_hidden_layers", 0)
    lists = (
        name
        for name, module in backbone.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    )
    return next(lists, None)


def blocks_of(backbone: nn.Module, name: str) -> nn.ModuleList:
    """Return the list of blocks called `name`."""
    return cast(nn.ModuleList, backbone.get_submodule(name))


def with_blocks(backbone: nn.Module, name: str, blocks: Sequence[nn.Module]) -> nn.Module:
    """Return the backbone with other blocks, sharing all else with it, which stays as it is."""
    return _view(backbone, name.split("."), nn.ModuleList(blocks))


def is_random(module: nn.Module) -> bool:
    """Tell whether the module itself drops something while training."""
    if isinstance(module, nn.Dropout):
        return module.p > 0
    # Attention passes its own on with the query; some models drop whole blocks.
    numbers = {name: value for name, value in vars(module).items() if isinstance(value, float)}
    return any(value > 0 for name, value in numbers.items() if "drop" in name)


def _view(module: nn.Module, path: Sequence[str], blocks: nn.ModuleList) -> nn.Module:
    view = copy.copy(module)
    name, *rest = path
    inner = _view(module.get_submodule(name), rest, blocks) if rest else blocks
    view.__dict__["_modules"] = module.__dict__["_modules"] | {name: inner}
    return view
