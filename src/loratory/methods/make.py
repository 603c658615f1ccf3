"""From the recipe's method section to the method."""

from typing import assert_never

from loratory.methods.bitfit import Bitfit
from loratory.methods.full import Full
from loratory.methods.head import Head
from loratory.methods.lora import Lora
from loratory.methods.method import Method
from loratory.methods.none import Nothing
from loratory.recipe.schema import (
    BitfitMethod,
    BottleneckMethod,
    FullMethod,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    OwnMethod,
    NoMethod,
    PrefixMethod,
    PromptMethod,
)


def make_method(section: OwnMethod) -> Method:  # noqa: C901 - one case a method
    """Return the method that `section` describes."""
    match section:
        case LoraMethod():
            return Lora(section)
        case FullMethod():
            return Full(section)
        case BitfitMethod():
            return Bitfit(section)
        case BottleneckMethod():
            raise NotImplementedError
        case Ia3Method():
            raise NotImplementedError
        case PromptMethod():
            raise NotImplementedError
        case PrefixMethod():
            raise NotImplementedError
        case HeadMethod():
            return Head()
        case NoMethod():
            return Nothing()
        case _:
            assert_never(section)
