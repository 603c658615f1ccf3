"""What every section of a recipe is made of: the base class, and kinds of numbers."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, StrictFloat, StrictInt

SplitName = Literal["train", "validation", "test"]
Whole = Annotated[StrictInt, Field(ge=1)]
Number = Annotated[StrictFloat, AllowInfNan(allow_inf_nan=False)]
Share = Annotated[Number, Field(gt=0, lt=1)]

Reads = Literal["labelled", "questions", "texts", "pairs", "problems"]
"""The kind of rows a task is made of: texts with a class, questions on a context, plain texts,
prompts with a chosen and a rejected answer, or problems whose answer is a number."""

TooLong = Literal["refuse", "truncate"]


class ClashError(ValueError):
    """Settings of different sections that do not go together; `between` are their keys."""

    def __init__(self, problem: str, *, between: tuple[tuple[str, ...], ...]) -> None:
        self.between = between
        super().__init__(problem)


class Section(BaseModel):
    """A group of settings: fixed once read, and refusing every name it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


def kind_or(usual: str) -> Callable[[Any], str]:
    """Return what reads a section's kind, `usual` where it names none, or is no section at all."""

    def kind(section: Any) -> str:
        if isinstance(section, dict):
            given = section.get("kind", usual)
        else:
            given = getattr(section, "kind", usual)
        return given if isinstance(given, str) else repr(given)

    return kind


def sections_by_kind(union: Any) -> dict[str, Any]:
    """Return the classes of a union of kinds by the names of these."""
    classes = [get_args(form)[0] for form in get_args(get_args(union)[0])]
    return {one.model_fields["kind"].default: one for one in classes}
