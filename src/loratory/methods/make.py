"""From the recipe's method section to the method."""

from typing import assert_never

from loratory.methods.bitfit import Bitfit
from loratory.methods.bottleneck import BottleneckAdapters
from loratory.methods.full import Full
from loratory.methods.head import Head
from loratory.methods.ia3 import Ia3
from loratory.methods.lora import Lora
from loratory.methods.method import Method
from loratory.methods.none import Nothing
from loratory.methods.prefix import PrefixTuning
from loratory.methods.prompt import PromptTuning
from loratory.recipe.schema import (
    BitfitMethod,
    BottleneckMethod,
    FullMethod,
    HeadMethod,
    Ia3Method,
    LoraMethod,
    NoMethod,
    OwnMethod,
    PrefixMethod,
    PromptingMethod,
    PromptMethod,
)


def make_method(section: OwnMethod) -> Method:  # noqa: C901, PLR0911 - one case a method
    """Return the method that `section` describes."""
    match section:
        case LoraMethod():
            return Lora(section)
        case FullMethod():
            return Full(section)
        case BitfitMethod():
            return Bitfit(section)
        case BottleneckMethod():
            return BottleneckAdapters(section)
        case Ia3Method():
            return Ia3(section)
        case PromptMethod():
            return PromptTuning(section)
        case PrefixMethod():
            return PrefixTuning(section)
        case HeadMethod():
            return Head()
        case NoMethod() | PromptingMethod():
            return Nothing(section.kind)
        case _:
            assert_never(section)
