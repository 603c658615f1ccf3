"""How to read a merged model: what is advised gives the tokens that the model was tuned with."""

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from loratory.data.rows import ProblemRow
from loratory.export.reading import how_to_read, save_reading
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    SpanQATask,
    TextTask,
    WordProblemTask,
    WrittenQATask,
)
from loratory.tasks.examples import MostAlike, SameForAll
from loratory.tasks.make import make_task
from loratory.tasks.tokens import beginning, token_ids

TOKEN = "<|endoftext|>"
TEMPLATES = {
    "none": None,
    "begins": f"{TOKEN} $A",
    "ends": f"$A {TOKEN}",
    "both": f"{TOKEN} $A {TOKEN}",
}


def tokenizer_with(folder, template):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if template is not None:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=template, special_tokens=[(TOKEN, tokenizer.eos_token_id)]
        )
    return tokenizer


def said(section, tokenizer, examples=None):
    task = make_task(section, tokenizer=tokenizer, positions=64)
    return how_to_read(section, task.showing(examples) if examples else task, tokenizer)


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("name", TEMPLATES)
def test_whoever_follows_the_advice_gives_the_tokens_of_tuning(gpt2_folder, name, bos):
    tokenizer = tokenizer_with(gpt2_folder, TEMPLATES[name])
    words = said(ClassifyTask(labels=("a", "b"), bos=bos), tokenizer)
    text = "quiet and lovely"
    given = f"{TOKEN}{text}" if f"Put {TOKEN} before each text" in words else text
    settings = {"add_special_tokens": False} if "add_special_tokens=False" in words else {}
    expected = [*beginning(tokenizer, bos=bos), *token_ids(tokenizer, [text])[0]]
    assert tokenizer(given, **settings)["input_ids"] == expected


def test_what_is_exported_says_what_the_run_began_with(run_of, gpt2_folder, tmp_path):
    start = run_of(gpt2_folder, "preference")
    begun = {"method.kind": "peft", "method.folder": str(start / "adapter")}
    run = run_of(gpt2_folder, "preference", **begun)
    save_reading(load_run(run).recipe, run, tmp_path, kind="gguf")
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert recipe.method.folder == str(start / "adapter")
    assert recipe.training.device == "auto"
    assert (tmp_path / "references.json").is_file()


SAID = [
    (ClassifyTask(labels=("a", "b")), "class is that of its largest logit"),
    (
        LabelWordsTask(labels=("a", "b"), words=("good", "bad"), instruction="Say."),
        "one of: good, bad",
    ),
    (SpanQATask(max_length=60, stride=8), "at most 60 tokens"),
    (SpanQATask(unanswerable=True, max_length=60, stride=8), "stands for no answer"),
    (WrittenQATask(), "{question}"),
    (TextTask(), "next token"),
]


@pytest.mark.parametrize(("section", "part"), SAID, ids=str)
def test_every_task_says_what_its_logits_are(gpt2_folder, section, part):
    assert part in said(section, tokenizer_with(gpt2_folder, None))


PROBLEM = ProblemRow("0", "2 pens and 1?", "3", "2 + 1 = 3", "here")


def test_a_prompt_is_given_whole_with_its_instruction_and_its_solved_rows(gpt2_folder):
    section = WordProblemTask(instruction="Count.", template="Q: {problem}\nA:")
    tokenizer = tokenizer_with(gpt2_folder, None)
    whole = "Count.\n\nQ: 2 pens and 1?\nA: 2 + 1 = 3 Answer: 3\n\nQ: {problem}\nA:"
    words = said(section, tokenizer, SameForAll((PROBLEM,)))
    assert f"the prompt {whole!r}; " in words
    assert "or a line break" in words
    assert "line break" not in said(section, tokenizer)


def test_that_other_rows_stand_before_each_prompt_is_said(gpt2_folder):
    section = WordProblemTask()
    words = said(section, tokenizer_with(gpt2_folder, None), MostAlike((PROBLEM,), 1))
    assert "follows the 1 training rows most like it" in words
