"""How tasks that write choose the next token."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from loratory.recipe.section import Number, Section, Whole


class Decoding(Section):
    """How a text is written, one token after the other."""

    kind: Literal["greedy", "beam", "sample"] = "greedy"
    """The likeliest token each time, the likeliest of several beams, or a drawn one."""

    max_new_tokens: Whole = 32
    """Tokens after which a text is cut, and counted."""

    num_beams: Annotated[StrictInt, Field(ge=2)] = 4
    """Texts kept side by side (kind: beam)."""

    temperature: Annotated[Number, Field(gt=0)] = 1.0
    """Below 1 likely tokens become likelier (kind: sample)."""

    top_k: Annotated[StrictInt, Field(ge=0)] = 0
    """Draw among so many of the likeliest tokens; 0: among all (kind: sample)."""

    top_p: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Draw among the likeliest tokens that together reach this probability (kind: sample)."""

    repetition_penalty: Annotated[Number, Field(gt=0)] = 1.0
    """Above 1 tokens that were there before become less likely (Keskar et al. 2019)."""
