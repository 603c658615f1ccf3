"""Counts that papers and course material publish, from the sizes of their models alone."""

import shutil

import pytest
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

import loratory
from loratory import pipeline
from loratory.errors import ConfigError
from loratory.inference.parameters import recipe_counts
from loratory.recipe.load import load_recipe, recipe_for
from loratory.runs.json_files import read_json

SIZES = {
    "small": GPT2Config(),
    "medium": GPT2Config(n_embd=1024, n_layer=24, n_head=16),
    "large": GPT2Config(n_embd=1280, n_layer=36, n_head=20),
    "smollm2": LlamaConfig(
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        vocab_size=49152,
        tie_word_embeddings=True,
    ),
}
TOTALS = {
    "small": 124_439_808,
    "medium": 354_823_168,
    "large": 774_030_080,
    "smollm2": 134_515_008,
}


@pytest.fixture(scope="module")
def without_weights(tmp_path_factory, gpt2_folder):
    """Return a function from a size to a folder with its configuration and some tokenizer."""
    made = {}

    def without_weights(size):
        if size not in made:
            made[size] = tmp_path_factory.mktemp(size)
            SIZES[size].save_pretrained(made[size])
            for path in gpt2_folder.glob("token*"):
                shutil.copy(path, made[size])
        return str(made[size])

    return without_weights


@pytest.mark.parametrize("size", SIZES)
def test_the_base_has_as_many_as_its_authors_say(without_weights, size):
    found = recipe_counts(recipe_for(without_weights(size), "none"))
    assert (found.total, found.trainable, found.share) == (TOTALS[size], 0, 0)
    everything = recipe_counts(recipe_for(without_weights(size), "full"))
    assert (everything.total, everything.frozen, everything.share) == (TOTALS[size], 0, 1)


@pytest.mark.parametrize(
    ("size", "targets", "r", "trains"),
    [
        ("small", "[c_attn]", 8, 294_912),
        ("small", "[c_attn]", 16, 589_824),
        ("small", "all-linear", 8, 1_179_648),
        ("medium", "[c_attn]", 4, 393_216),
        ("medium", "[c_attn]", 8, 786_432),
        ("large", "[c_attn]", 4, 737_280),
        ("smollm2", "[q_proj, v_proj]", 8, 460_800),
        ("smollm2", "all-linear", 8, 2_442_240),
    ],
)
def test_lora_trains_as_many_as_published(without_weights, size, targets, r, trains):
    overrides = [f"method.target_modules={targets}", f"method.r={r}"]
    found = recipe_counts(recipe_for(without_weights(size), "lora", overrides))
    assert found.trainable == found.parts["method"].trainable == trains
    assert found.total == TOTALS[size] + trains
    assert found.adapter_bytes == 4 * trains


def test_the_share_is_of_all_the_adapter_included(without_weights):
    overrides = ["method.target_modules=[c_attn]", "method.r=8"]
    found = recipe_counts(recipe_for(without_weights("small"), "lora", overrides))
    assert f"{100 * found.share:.4f}" == "0.2364"


@pytest.mark.parametrize(("size", "trains"), [("small", 102_144), ("medium", 271_360)])
def test_bitfit_trains_as_many_biases_as_there_are(without_weights, size, trains):
    found = recipe_counts(recipe_for(without_weights(size), "bitfit"))
    assert (found.trainable, found.total) == (trains, TOTALS[size])
    assert found.parts["method"].total == 0


@pytest.mark.parametrize(
    ("method", "trains"),
    [
        ("prompt", 20 * 768),
        ("prefix", 20 * 12 * 2 * 768),
        ("ia3", 12 * (2304 + 3072)),
        ("bottleneck", 12 * (768 * 48 + 48 + 48 * 768 + 768)),
    ],
)
def test_methods_with_their_usual_settings_add_what_their_papers_say(
    without_weights, method, trains
):
    found = recipe_counts(recipe_for(without_weights("small"), method))
    assert found.trainable == found.parts["method"].total == trains
    assert found.total == TOTALS["small"] + trains


@pytest.mark.parametrize(
    ("size", "total", "trains", "millions"),
    [
        ("small", 125_031_168, 674_304, ("125.03", "0.67")),
        ("medium", 356_398_080, 1_796_096, ("356.40", "1.80")),
    ],
)
def test_a_classifier_with_biases_has_as_many_as_published(
    without_weights, size, total, trains, millions
):
    overrides = ["method.r=4", "method.bias=lora_only", "task.labels=[bad, good]"]
    found = recipe_counts(recipe_for(without_weights(size), "lora", overrides))
    assert (found.total, found.trainable) == (total, trains)
    assert (f"{found.total / 1e6:.2f}", f"{found.trainable / 1e6:.2f}") == millions
    assert found.parts["head"].trainable == 2 * SIZES[size].n_embd
    assert f"{100 * (1 - found.share):.1f}" == "99.5"


def test_a_recipes_counts_are_those_of_its_run(film_recipe, film_run):
    """The recipe names no classes, so that they come from its rows, as in the run."""
    result = read_json(film_run / "result.json")
    found = loratory.params(film_recipe)
    assert found.trainable == result["trainable_parameters"]
    assert found.total == result["total_parameters"]
    assert found.adapter_bytes < result["adapter_bytes"] < found.adapter_bytes + 8192


def test_an_output_matrix_that_is_the_embedding_counts_once(film_recipe, gpt2_folder, tmp_path):
    changes = {
        "task": {"kind": "label_words", "words": ["the", "and"], "template": "{text}:"},
        "method": {"kind": "full"},
        "training.epochs": 1,
    }
    recipe = load_recipe(film_recipe, changes)
    result = pipeline.train(recipe, out=tmp_path / "run").result
    whole = AutoModelForCausalLM.from_pretrained(gpt2_folder).num_parameters()
    assert result["trainable_parameters"] == result["total_parameters"] == whole


def test_overrides_count_from_python_too(film_recipe):
    one, two = (loratory.params(film_recipe, {"method.r": r}).parts["method"] for r in (1, 2))
    assert two.trainable == 2 * one.trainable > 0


def test_an_adapter_made_elsewhere_is_counted_as_its_folder_says(film_recipe, film_run):
    found = loratory.params(
        film_recipe, {"method": {"kind": "peft", "folder": film_run / "adapter"}}
    )
    assert found == loratory.params(film_recipe)


def test_what_a_task_reads_off_the_network_is_its_head(llama_folder):
    def head(*overrides):
        return recipe_counts(recipe_for(str(llama_folder), "lora", overrides)).parts["head"]

    words = head()
    assert (words.total, words.trainable) == (320 * 16, 0)
    classes = head("task.labels=[a, b, c]")
    assert (classes.total, classes.trainable) == (3 * 16, 3 * 16)
    spans = head("task.kind=span_qa", "task.max_length=60", "task.stride=8")
    assert (spans.total, spans.trainable) == (2 * 16 + 2, 2 * 16 + 2)


@pytest.mark.parametrize(
    ("method", "overrides", "code", "at"),
    [
        ("bitfit", [], "CFG-METHOD", "method.kind"),
        ("lora", ["method.target_modules=[c_attn]"], "CFG-TARGET", "method.target_modules"),
        ("lora", ["method.r=99"], "CFG-RANGE", "method.r"),
    ],
)
def test_a_method_that_the_base_cannot_have_is_refused_as_in_training(
    llama_folder, method, overrides, code, at
):
    with pytest.raises(ConfigError) as caught:
        recipe_counts(recipe_for(str(llama_folder), method, overrides))
    assert (caught.value.code, caught.value.at) == (code, at)


def test_rows_are_read_only_for_their_classes(film_recipe):
    recipe = load_recipe(film_recipe, {"data.train": "no/such/file.csv", "task.labels": ["a", "b"]})
    assert recipe_counts(recipe).parts["head"].total == 2 * 16
