"""Prompts: templates with fields, and what follows them.

A template is plain text in which each `{field}` stands for a part of the row; nothing else is
interpreted, so a brace that is no field is an error and never a surprise.
"""

import re
from collections.abc import Mapping, Sequence

from transformers import PreTrainedTokenizerBase

from loratory.errors import ConfigError
from loratory.tasks.tokens import token_ids

_FIELD = re.compile(r"\{([^{}]*)\}")


class Template:
    """A prompt with fields, each of which occurs once."""

    def __init__(self, text: str, fields: Sequence[str]) -> None:
        """Check the template.

        Raises:
            ConfigError: it lacks a field, has one twice, one that there is not or a lone brace, or
                ends in a space (TASK-TEMPLATE).
        """
        found = _FIELD.findall(text)
        for field in found:
            if field not in fields:
                raise _template(f"unknown field {{{field}}}", text, fields)
        for field in fields:
            if found.count(field) != 1:
                times = "is missing" if field not in found else "occurs twice"
                raise _template(f"the field {{{field}}} {times}", text, fields)
        if re.search("[{}]", _FIELD.sub("", text)):
            raise _template("it has a brace that is of no field", text, fields)
        if text != text.rstrip(" \t"):
            raise _template("it ends in a space, which belongs to the word after it", text, fields)
        self.text = text
        self.parts = _FIELD.split(text)

    @property
    def gap(self) -> str:
        """What stands between the prompt and what follows it."""
        return "" if self.text.endswith("\n") else " "

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the prompt of one row."""
        texts = [values[part] if at % 2 else part for at, part in enumerate(self.parts)]
        return "".join(texts)


def continuation(tokenizer: PreTrainedTokenizerBase, prompt: str, text: str) -> tuple[int, ...]:
    """Return the tokens that `text` adds after `prompt`.

    Raises:
        ConfigError: the tokens of the prompt change when the text follows it (TASK-TEMPLATE).
    """
    alone, together = token_ids(tokenizer, [prompt, prompt + text])
    if together[: len(alone)] != alone:
        raise ConfigError(
            "TASK-TEMPLATE",
            "the end of the prompt and what follows it melt into one token",
            at="task.template",
            got=prompt[-20:] + text,
            fix="end the template in a line break or a colon",
        )
    return tuple(together[len(alone) :])


def shared_length(*paths: Sequence[int]) -> int:
    """Return how many first tokens all paths have in common."""
    same = 0
    for tokens in zip(*paths, strict=False):
        if len(set(tokens)) > 1:
            break
        same += 1
    return same


def _template(problem: str, text: str, fields: Sequence[str]) -> ConfigError:
    named = " and ".join(f"{{{field}}}" for field in fields)
    return ConfigError(
        "TASK-TEMPLATE",
        problem,
        at="task.template",
        got=text[-60:],
        expected=f"{named}, each once, and no space at the end",
        fix=f"write a template with {named}",
    )
