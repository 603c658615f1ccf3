"""What virtual tokens start as: a text of real tokens, which the network knows how to read."""

import torch
from torch import Tensor

from loratory.errors import ConfigError
from loratory.models.load import Base
from loratory.recipe.schema import MethodSection, PrefixMethod, PromptMethod


def positions_left(section: MethodSection, positions: int) -> int:
    """Return how many of a base's positions the method leaves to texts.

    Raises:
        ConfigError: it leaves none.
    """
    if not isinstance(section, PromptMethod | PrefixMethod):
        return positions
    count = section.num_virtual_tokens
    if count >= positions:
        raise ConfigError(
            "CFG-RANGE",
            "the virtual tokens leave the base no position for a text",
            at="method.num_virtual_tokens",
            got=count,
            expected=f"less than {positions:,}, the base's positions",
            fix="lower method.num_virtual_tokens; 20 is usual",
        )
    return positions - count


def starting_tokens(
    base: Base, section: PromptMethod | PrefixMethod, generator: torch.Generator
) -> Tensor:
    """Return a token for each virtual one, `[count]`, on the base's device.

    They are those of the recipe's text, repeated or cut to fit, or drawn from the vocabulary.

    Raises:
        ConfigError: they would leave no position for a text, or the recipe's text has no token.
    """
    count = section.num_virtual_tokens
    positions_left(section, base.positions)
    if section.init_text is None:
        drawn = torch.randint(len(base.tokenizer), (count,), generator=generator)
        return drawn.to(base.network.device)
    # With what the tokenizer puts around a text, as in PEFT.
    tokens: list[int] = base.tokenizer(section.init_text)["input_ids"]
    if not tokens:
        raise ConfigError(
            "CFG-RANGE",
            "the text to start as has no token",
            at="method.init_text",
            got=section.init_text,
            expected="at least one token",
            fix="write a few words, or leave it out",
        )
    repeated = (tokens * -(-count // len(tokens)))[:count]
    return torch.tensor(repeated, device=base.network.device)
