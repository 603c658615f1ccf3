"""How to read a merged model: what is advised gives the tokens that the model was tuned with."""

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from loratory.export.reading import how_to_read, save_reading
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import (
    ClassifyTask,
    LabelWordsTask,
    SpanQATask,
    TextTask,
    WrittenQATask,
)
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


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("name", TEMPLATES)
def test_whoever_follows_the_advice_gives_the_tokens_of_tuning(gpt2_folder, name, bos):
    tokenizer = tokenizer_with(gpt2_folder, TEMPLATES[name])
    words = how_to_read(ClassifyTask(labels=("a", "b"), bos=bos), tokenizer)
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
    assert load_recipe(tmp_path / "recipe.yaml").method.folder == str(start / "adapter")
    assert (tmp_path / "references.json").is_file()


SAID = [
    (ClassifyTask(labels=("a", "b")), "class is that of its largest logit"),
    (LabelWordsTask(labels=("a", "b"), words=("good", "bad")), "one of: good, bad"),
    (SpanQATask(max_length=200), "at most 200 tokens"),
    (SpanQATask(unanswerable=True), "stands for no answer"),
    (WrittenQATask(), "{question}"),
    (TextTask(), "next token"),
]


@pytest.mark.parametrize(("section", "part"), SAID, ids=str)
def test_every_task_says_what_its_logits_are(gpt2_folder, section, part):
    assert part in how_to_read(section, tokenizer_with(gpt2_folder, None))
