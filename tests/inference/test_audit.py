"""The audit: the rows as the base's tokenizer sees them, without the base's weights."""

import shutil

import pytest
from transformers import AutoTokenizer

from loratory.errors import DataError
from loratory.inference.audit import audit_data
from loratory.inference.materials import Materials
from loratory.inference.result import token_lengths
from loratory.recipe.load import load_recipe


def test_it_counts_rows_classes_and_tokens(film_recipe, films, gpt2_folder):
    found = audit_data(load_recipe(film_recipe))
    assert {split: audit.rows for split, audit in found.rows.splits.items()} == {
        "train": 22,
        "validation": 9,
        "test": 7,
    }
    assert found.rows.splits["train"].classes == {"negative": 11, "positive": 11}
    assert found.sources["train"] == str(films / "train.csv")
    tokenizer = AutoTokenizer.from_pretrained(gpt2_folder)
    lines = (films / "train.csv").read_text().splitlines()[1:]
    # Before each text stands the token that began documents in pretraining.
    lengths = sorted(1 + len(tokenizer(line.split(",")[0])["input_ids"]) for line in lines)
    assert (found.tokens["train"]["min"], found.tokens["train"]["max"]) == (
        lengths[0],
        lengths[-1],
    )
    assert found.truncated == {"train": 0, "validation": 0, "test": 0}
    assert found.warnings == ()


def test_it_counts_what_would_be_cut(film_recipe):
    settings = {"task.max_length": 10, "task.too_long": "truncate"}
    found = audit_data(load_recipe(film_recipe, settings))
    assert 0 < found.truncated["train"] < 22
    cut = f"train: {found.truncated['train']} texts were cut at task.max_length"
    assert cut in found.warnings


def test_a_text_above_the_limit_is_refused_by_its_place(film_recipe):
    with pytest.raises(DataError, match=r"DATA-TRUNC.*at train.csv:\d+, got '\d+ tokens'"):
        audit_data(load_recipe(film_recipe, {"task.max_length": 10}))


def run_lengths(recipe):
    materials = Materials()
    recipe, dataset = materials.rows(recipe)
    encodings = materials.encodings(materials.untrained(recipe).showing(dataset.examples), dataset)
    return {split: token_lengths(found) for split, found in encodings.items()}


def test_it_counts_the_prompts_that_the_run_reads(film_recipe):
    shown = {"method.kind": "prompting", "method.examples.k": 1}
    task = {"task.kind": "label_words", "task.template": "{text}:", "task.too_long": "truncate"}
    recipe = load_recipe(film_recipe, {"method": None, **shown, **task})
    found, read = audit_data(recipe).tokens, run_lengths(recipe)
    assert found == {split: read[split] for split in ("validation", "test")}


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
def test_virtual_tokens_leave_less_room(film_recipe, kind):
    method = {"method": None, "method.kind": kind, "method.num_virtual_tokens": 56}
    recipe = load_recipe(film_recipe, {**method, "task.too_long": "truncate"})
    found = audit_data(recipe)
    assert found.tokens == run_lengths(recipe)
    assert found.tokens["train"]["max"] == 64 - 56


def test_it_reads_no_weights(film_recipe, gpt2_folder, tmp_path):
    """The file's header says what it holds; what it holds may be anything."""
    base = shutil.copytree(gpt2_folder, tmp_path / "base")
    weights = base / "model.safetensors"
    data = weights.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    weights.write_bytes(data[:header] + b"\xff" * (len(data) - header))
    settings = {"base": str(base)}
    assert audit_data(load_recipe(film_recipe, settings)) == audit_data(load_recipe(film_recipe))
