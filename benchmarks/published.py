"""Figures that others published, beside which the results page puts those of the recipes."""

from typing import NamedTuple


class Published(NamedTuple):
    """A figure that others published, and what is different about it."""

    metric: str
    value: float
    differs: str


_FULL_TUNING = "plain fine-tuning without LoRA, on all training questions, full development set"
_SQUAD = (Published("exact_match", 0.6840, _FULL_TUNING), Published("f1", 0.7887, _FULL_TUNING))
_REVIEWS = (
    Published("accuracy", 0.8836, "GPT-2 with LoRA, the best of all settings that were tried"),
    Published("accuracy", 0.105, "untuned, and by a scoring of its own"),
)
PUBLISHED: dict[str, tuple[Published, ...]] = {
    "squad-gpt2-r32": _SQUAD,
    "squad-gpt2-r8": _SQUAD,
    "squad_v2-gpt2": (
        Published("exact_match", 0.5007, "always no answer, full development set"),
        Published("f1", 0.5007, "always no answer, full development set"),
    ),
    "squad_v2-written-gpt2": (
        Published("bleu_1", 13.89, "GPT-2 with LoRA; how BLEU-1 was computed is not known"),
    ),
    "query_wellformedness-gpt2": (
        Published("accuracy", 0.6115, "the majority class, development rows"),
        Published("accuracy", 0.839, "syntax-aware BERT, test rows"),
    ),
    "rotten_tomatoes-r16-alpha64": _REVIEWS,
    "rotten_tomatoes-r16-alpha256": _REVIEWS,
    "rotten_tomatoes-r128": _REVIEWS,
    "rotten_tomatoes-r196": _REVIEWS,
    "rotten_tomatoes-full": _REVIEWS,
    "cola-gpt2": (Published("accuracy", 0.797, "GPT-2, all training sentences"),),
    "cola-gpt2-medium": (Published("accuracy", 0.829, "GPT-2 medium, all training sentences"),),
}
"""By the name of the recipe that repeats the experiment."""
