"""The base section: a name, or a recurrent network that begins untrained."""

from typing import Annotated, Any, Literal, assert_never

from pydantic import Discriminator, Field, StrictBool, StrictStr, Tag

from loratory.recipe.method import FullMethod, MethodSection
from loratory.recipe.section import ClashError, Section, Whole, kind_or
from loratory.recipe.task import ClassifyTask, TaskSection

BaseName = Annotated[StrictStr, Field(min_length=1)]


class RecurrentBase(Section):
    """A recurrent network, drawn at random, for a head to read: small, fast, and a student."""

    kind: Literal["recurrent"] = "recurrent"

    tokenizer: BaseName
    """Base whose tokenizer cuts the texts: hub id, local folder, or an alias."""

    cell: Literal["rnn", "gru", "lstm"] = "rnn"
    """Elman's network with tanh, gated recurrent units, or long short-term memory."""

    embedding: Literal["random", "copied", "frozen"] = "random"
    """How its embedding begins: drawn, or as a copy of that of the tokenizer's base, scaled to a
    standard deviation of 1; frozen: a copy that does not train."""

    embedding_size: Whole | None = None
    """Numbers of a token's embedding; absent: 768, or those of the copy."""

    hidden_size: Whole = 768
    """Numbers of the state in each direction."""

    layers: Whole = 1
    """Layers, each reading the states of the one below."""

    bidirectional: StrictBool = False
    """Read each text from its end as well, with weights of its own; the states stand side by
    side."""

    pooling: Literal["last", "mean", "max"] = "last"
    """What becomes of a text's states: the last of each direction, their mean, or the largest of
    each number."""


def _form(base: Any) -> str:
    """Return how a base is written: as a section of some kind, or else by its name."""
    return kind_or("recurrent")(base) if isinstance(base, dict | Section) else "name"


BaseSection = Annotated[
    Annotated[BaseName, Tag("name")] | Annotated[RecurrentBase, Tag("recurrent")],
    Discriminator(_form),
]


def base_name(base: str | RecurrentBase) -> str:
    """Return what to call a base in a few words."""
    match base:
        case str():
            return base
        case RecurrentBase():
            ways = "bidirectional " if base.bidirectional else ""
            return f"{ways}{base.cell} {base.hidden_size}"
        case _:
            assert_never(base)


def refuse_unfit(task: TaskSection, method: MethodSection) -> None:
    """Refuse what a recurrent network that begins untrained cannot do.

    Raises:
        ClashError: the task is not classification, or the method would leave the network untrained.
    """
    if not isinstance(task, ClassifyTask):
        raise ClashError(
            f"a recurrent base has no words of its own for task {task.kind}; set task.kind to "
            "classify, or name another base",
            between=(("task", "kind"), ("base",)),
        )
    if not isinstance(method, FullMethod):
        raise ClashError(
            f"a recurrent base begins untrained, and method {method.kind} would leave it so; set "
            "method.kind to full",
            between=(("method", "kind"), ("base",)),
        )
