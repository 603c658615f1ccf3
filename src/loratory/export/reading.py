"""How a merged model is to be read, in words: what must be given to it, and what its logits say."""

import shutil
from pathlib import Path
from typing import Any, assert_never

from transformers import PreTrainedTokenizerBase

from loratory.data.rows import AnyRow, ProblemRow, QuestionRow, Row
from loratory.inference.opened import ExportKind
from loratory.recipe.load import dump_recipe, load_recipe
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    PreferenceTask,
    Recipe,
    SpanQATask,
    TaskSection,
    TextTask,
    WordProblemTask,
    WrittenQATask,
)
from loratory.runs.atomic import write_file
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import write_json
from loratory.tasks.examples import MostAlike
from loratory.tasks.task import Showing, Task
from loratory.tasks.tokens import beginning, token_ids


def save_reading(
    recipe: Recipe, run: Path, folder: Path, *, kind: ExportKind, **further: Any
) -> None:
    """Write what the folder is, and all that texts are read by as the run reads them."""
    source = RunFolder.open(run)
    # A run that was read back is of its own adapter; what it began with is its reference. And it
    # was read on this processor, of which who opens the folder may have something faster.
    training = recipe.training.model_copy(update={"device": "auto"})
    method = load_recipe(source.recipe).method
    began = recipe.model_copy(update={"method": method, "training": training})
    write_file(folder / source.recipe.name, dump_recipe(began))
    kept = [source.settled, source.shown]
    if source.references.is_file():  # which are the reference's only with what they were made of
        kept += [source.references, source.environment]
    for path in kept:
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    write_json(RunFolder(folder).exported, {"kind": kind, **further})


def how_to_read(section: TaskSection, task: Task, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return in words how a text must be given to the merged model, and what to make of logits."""
    return f"{_task_words(section, task)} {_beginning_words(section, tokenizer)}"


def _task_words(section: TaskSection, task: Task) -> str:
    match section:
        case ClassifyTask():
            return "A text's class is that of its largest logit."
        case LabelWordsTask():
            words = ", ".join(section.words or section.labels or ())
            prompt = _prompt_words(task, Row("", "{text}", 0, ""))
            return (
                f"A text stands in {prompt}; what follows is one of: {words} (score: "
                f"{section.score})."
            )
        case SpanQATask():
            none = " and the token after it, which stands for no answer,"
            return (
                "A text is the question, a line break and the context, at most "
                f"{section.max_length} tokens of them at once; the context's tokens"
                f"{none if section.unanswerable else ''} are scored as the answer's start and end."
            )
        case WrittenQATask():
            prompt = _prompt_words(task, QuestionRow("", "{question}", "{context}", (), ""))
            return (
                f"Context and question stand in {prompt}; the answer follows, {_end_words(task)}."
            )
        case WordProblemTask():
            written = (
                "steps and answer follow" if section.writes == "steps" else "the answer follows"
            )
            prompt = _prompt_words(task, ProblemRow("", "{problem}", "", "", ""))
            return f"The problem stands in {prompt}; {written}, {_end_words(task)}."
        case TextTask() | PreferenceTask():
            return "The logits are those of the next token."
        case _:
            assert_never(section)


def _prompt_words(task: Task, row: AnyRow) -> str:
    """Return the whole prompt of a row, whose parts are the fields to fill."""
    assert isinstance(task, Showing)
    examples = task.prompts.examples
    prompt = f"the prompt {task.prompts.written(row, examples.fixed)!r}"
    if not isinstance(examples, MostAlike):
        return prompt
    return f"{prompt}, whose question follows the {examples.k} training rows most like it, solved"


def _end_words(task: Task) -> str:
    """Return what ends an answer that is written."""
    assert task.writing is not None
    breaks = " or a line break" if len(task.writing.ends) > 1 else ""
    return f"up to the end-of-text token{breaks}"


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
