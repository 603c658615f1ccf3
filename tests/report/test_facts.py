"""The facts of a run: base, task, data, method and training, in words that are true of it."""

from dataclasses import replace

from loratory.recipe.known_keys import known_key
from loratory.report.facts import facts, title
from loratory.report.record import RunResult


def test_the_title_names_base_method_and_data(record):
    assert title(record) == "gpt2-tiny tuned with LoRA on rotten_tomatoes"


def test_the_title_needs_no_recipe(record):
    assert title(replace(record, recipe={})).startswith("gpt2-tiny tuned with")
    assert title(replace(record, recipe={}, result=RunResult()))


def test_the_facts_hold_the_methods_settings(record):
    assert facts(record)["Method"] == "LoRA, r 4, lora_alpha 8, target_modules c_attn c_proj"
    assert facts(record)["Task"] == "classify (negative, positive)"
    assert "learning rate 0.0005" in facts(record)["Training"]
    assert facts(record)["Seed"] == "7"


def test_a_base_that_trained_in_full_or_not_at_all_is_not_called_tuned_with_something(
    spans, written
):
    assert title(spans) == "tiny tuned in full on unknown data"
    assert title(written) == "tiny as it is, on unknown data"


def test_what_was_not_done_is_no_fact(written, spans):
    assert facts(written)["Method"] == "none, the base answers as it is"
    assert "Training" not in facts(written)
    assert facts(spans)["Method"] == "full fine-tuning"


def test_every_method_has_words(record):
    """What no page should show is the bare name of a kind."""
    for kind in known_key(("method",), {}).kinds:
        tuned = replace(record, recipe={"base": "tiny", "method": {"kind": kind}})
        assert facts(tuned)["Method"] != kind
        assert "an unknown method" not in title(tuned)
        assert f"with {kind} on" not in title(tuned)


def test_settings_that_say_nothing_are_no_facts_and_patterns_are_read(record):
    method = {"kind": "lora", "r": 4, "use_dora": False, "use_rslora": True, "rank_pattern": {}}
    more = {"alpha_pattern": {"c_attn": 2.0, "mlp.c_fc": 3.5}, "lora_dropout": 0.0, "bias": None}
    found = facts(replace(record, recipe={"method": method | more}))["Method"]
    assert found == (
        "LoRA, r 4, use_rslora True, alpha_pattern c_attn: 2 mlp.c_fc: 3.5, lora_dropout 0"
    )


def test_each_task_says_how_it_answers(spans, written, texts):
    assert facts(spans)["Task"] == "answer with a span of the context (or say that there is none)"
    assert facts(written)["Task"] == "write the answer (greedy; at most 32 tokens)"
    assert facts(texts)["Task"] == "model plain text"


def test_solved_examples_are_counted(record):
    def task(**values):
        task = {"kind": "label_words", "labels": ["negative", "positive"], **values}
        result = record.result.model_copy(update={"task": "label_words"})
        return facts(replace(record, result=result, recipe={"task": task}))["Task"]

    assert task(shots=0) == "choose by label words (negative, positive)"
    assert task(shots=4).endswith("; 4 solved examples before each)")
    assert task(shots=1).endswith("; 1 solved example before each)")
    assert task(shots=0, examples=[{"text": "a", "label": "b"}] * 2).endswith(
        "; 2 solved examples before each)"
    )


def test_a_new_network_and_its_teacher_are_named_in_words(record):
    recipe = {
        "base": {"kind": "recurrent", "cell": "rnn"},
        "distillation": {"teacher": "runs/t", "temperature": 2.0, "alpha": 0.5, "extra": None},
    }
    result = record.result.model_copy(update={"base": "rnn 768"})
    found = facts(replace(record, recipe=recipe, result=result))
    assert found["Base"] == "rnn 768"
    assert found["Teacher"].startswith(
        "teacher runs/t, temperature 2, alpha 0.5, loss = alpha · T²"
    )
    assert "Teacher" not in facts(record)
