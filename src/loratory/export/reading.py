"""How a merged model is to be read, in words: what must be given to it, and what its logits say."""

from typing import assert_never

from transformers import PreTrainedTokenizerBase

from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    SpanQATask,
    TaskSection,
    TextTask,
    WrittenQATask,
)
from loratory.tasks.tokens import beginning, token_ids


def how_to_read(section: TaskSection, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return in words how a text must be given to the merged model, and what to make of logits."""
    return f"{_task_words(section)} {_beginning_words(section, tokenizer)}"


def _task_words(section: TaskSection) -> str:
    match section:
        case ClassifyTask():
            return "A text's class is that of its largest logit."
        case LabelWordsTask():
            words = ", ".join(section.words or section.labels or ())
            return (
                f"A text stands in the prompt {section.template!r}, after {len(section.examples)} "
                f"solved examples; what follows is one of: {words} (score: {section.score})."
            )
        case SpanQATask():
            none = " and the token after it, which stands for no answer,"
            return (
                "A text is the question, a line break and the context, at most "
                f"{section.max_length} tokens of them at once; the context's tokens"
                f"{none if section.unanswerable else ''} are scored as the answer's start and end."
            )
        case WrittenQATask():
            return (
                f"Context and question stand in the prompt {section.template!r}; the answer "
                "follows, up to the end-of-text token."
            )
        case TextTask():
            return "The logits are those of the next token."
        case _:
            assert_never(section)


def _beginning_words(section: TaskSection, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return what a stock tokenizer must be told to begin as the model was tuned."""
    begin = beginning(tokenizer, bos=section.bos)
    expected = [*begin, *token_ids(tokenizer, ["word"])[0]]
    if tokenizer("word")["input_ids"] == expected:
        return "The tokenizer gives the model the tokens that it was tuned with."
    if not begin:
        return "It was tuned without special tokens: set add_special_tokens=False."
    token = tokenizer.decode([*begin])
    if tokenizer(f"{token}word")["input_ids"] == expected:
        return f"Put {token} before each text: it was tuned so, and the tokenizer adds none."
    return (
        f"Put {token} before each text and set add_special_tokens=False: it was tuned so, and the "
        "tokenizer adds other tokens."
    )
