"""Mistakes in a recipe: code, place, what was expected and the fix, all at once."""

import json
import re

import pytest
from pydantic import ValidationError

from loratory.recipe.explain import MOST_SHOWN, explain
from loratory.recipe.known_keys import keys_of_section, known_key
from loratory.recipe.settings import Settings

KINDS = [(key, kind) for key in ("task", "method") for kind in known_key((key,), {}).kinds]


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "true", "2.0", ".inf", ".nan", "NaN", "1e400"])
@pytest.mark.parametrize("key", ["epochs", "batch_size", "evaluate_every", "patience"])
def test_what_is_no_whole_number_of_at_least_one_is_out_of_range(refusal, key, value):
    error = refusal(f"training:\n  {key}: {value}\n")
    assert error.code == "CFG-RANGE"
    assert error.at.endswith(f"recipe.yaml:4 training.{key}")
    assert "whole number >= 1" in error.expected
    assert f"training.{key}" in error.fix


@pytest.mark.parametrize("value", ["0", "-1.0e-4", ".nan", "-.inf", "NaN", "Infinity", "-Infinity"])
def test_a_learning_rate_is_finite_and_above_zero(refusal, value):
    error = refusal(f"training: {{learning_rate: {value}}}\n")
    assert (error.code, error.expected) == ("CFG-RANGE", "a number > 0")


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("method: {r: 0}", "method.r"),
        ("method: {lora_dropout: 1}", "method.lora_dropout"),
        ("method: {target_modules: []}", "method.target_modules"),
        ("seed: -1", "seed"),
        ("seed: 4294967296", "seed"),
        ("training: {warmup: -1}", "training.warmup"),
        ("training: {warmup: 1.0}", "training.warmup"),
        ("training: {warmup: true}", "training.warmup"),
        ("name: ../../etc", "name"),
        ("task: {labels: [a]}", "task.labels"),
        ("task: {labels: [a, a]}", "task.labels"),
        ("task: {labels: [a, '']}", "task.labels"),
    ],
)
def test_values_of_the_right_type_are_out_of_range(refusal, lines, key):
    error = refusal(lines)
    assert error.code == "CFG-RANGE"
    assert error.at.endswith(f"recipe.yaml:3 {key}")


@pytest.mark.parametrize(
    ("lines", "key", "expected"),
    [
        ("training: {learning_rate: 1e-4x}", "training.learning_rate", "a number > 0"),
        ("training: {learning_rate: true}", "training.learning_rate", "a number > 0"),
        ("training: {learning_rate: '1e-4'}", "training.learning_rate", "a number > 0"),
        ("training: {epochs: three}", "training.epochs", "a whole number >= 1"),
        ("training: {schedule: 1}", "training.schedule", "one of linear, cosine, constant"),
        ("task: {labels: positive}", "task.labels", "a list of text"),
        ("task: {labels: {a: 1}}", "task.labels", "a list of text"),
        ("method: lora", "method", "a section of settings"),
        ("method: [lora]", "method", "a section of settings"),
        ("task: text", "task", "a section of settings"),
        ("task: [text]", "task", "a section of settings"),
        ("task: 1", "task", "a section of settings"),
        ("task:", "task", "a section of settings"),
        ("task: {bos: 1}", "task.bos", "true or false"),
        ("task: {kind: label_words, examples: [a]}", "task.examples[0]", "a section of settings"),
        ("method: {target_modules: {str: 1}}", "method.target_modules", "text or a list of text"),
        ("training:", "training", "a section of settings"),
    ],
)
def test_values_of_the_wrong_type_say_which_is_right(refusal, lines, key, expected):
    error = refusal(lines)
    assert (error.code, error.expected) == ("CFG-TYPE", expected)
    assert error.at.endswith(f"recipe.yaml:3 {key}")


@pytest.mark.parametrize(
    ("lines", "key", "fix"),
    [
        ("task: {labels: [positive, true]}", "task.labels[1]", 'quote it: "true"'),
        ("task: {labels: [0, one]}", "task.labels[0]", 'quote it: "0"'),
        ("method: {target_modules: [q, 1]}", "method.target_modules[1]", 'quote it: "1"'),
        ("name: 2024", "name", 'quote it: "2024"'),
        ("training: {learning_rate: '1e-4'}", "training.learning_rate", "without quotes: 1e-4"),
        ("training: {epochs: }", "training.epochs", "write a value, or remove the key"),
        ("training: {schedule: Cosin}", "training.schedule", "did you mean cosine?"),
        ("task: {bos: no}", "task.bos", "write false, without quotes"),
        ("task: {bos: 'True'}", "task.bos", "write true, without quotes"),
        ("task: {bos: maybe}", "task.bos", "set task.bos to true or false"),
        ("method: full", "method", "set method.kind to full"),
        ("method: 4", "method", "set method to a section of settings"),
    ],
)
def test_the_fix_is_what_was_meant(refusal, lines, key, fix):
    error = refusal(lines)
    assert error.at.endswith(f" {key}")
    assert fix in error.fix


def test_a_boolean_is_shown_as_yaml_writes_it(refusal):
    assert "got a boolean (true)" in refusal("task: {labels: [positive, True]}").headline


def test_words_that_only_yaml_1_1_takes_for_booleans_are_text(loaded):
    assert loaded("task: {labels: [no, yes]}\n").task.labels == ("no", "yes")


@pytest.mark.parametrize(
    ("written", "code", "shown", "fix"),
    [
        ("spanqa", "CFG-RANGE", "'spanqa'", "did you mean span_qa?"),
        ("Text", "CFG-RANGE", "'Text'", "did you mean text?"),
        ("zzz", "CFG-RANGE", "'zzz'", "set task.kind to one of classify, label_words, span_qa"),
        ("'None'", "CFG-RANGE", "'None'", "set task.kind to one of"),
        ("null", "CFG-TYPE", "a blank (null)", "write a value, or remove the key"),
        ("true", "CFG-TYPE", "a boolean (true)", "set task.kind to one of"),
        ("3", "CFG-TYPE", "3", "set task.kind to one of"),
        ("[text]", "CFG-TYPE", "a list", "set task.kind to one of"),
        ("{text: 1}", "CFG-TYPE", "a section of settings", "set task.kind to one of"),
    ],
)
def test_a_wrong_kind_lists_the_kinds_there_are(refusal, written, code, shown, fix):
    error = refusal(f"task:\n  kind: {written}\n  zzz: 1\n")
    assert error.code == code
    assert error.at.endswith("recipe.yaml:4 task.kind")
    assert f"got {shown}, expected one of {', '.join(known_key(('task',), {}).kinds)}" in str(error)
    assert error.fix.startswith(fix)
    assert str(error).count("error[") == 1


@pytest.mark.parametrize(("section", "kind"), KINDS)
def test_a_value_in_a_kind_is_told_as_any_other(refusal, section, kind):
    values = {section: {"kind": kind}}
    for key in [name for name in keys_of_section((section,), values) if name != "kind"]:
        known = known_key((section, key), values)
        written = 1 if known.types == {"object"} else {"zzz": 1}
        error = refusal(f"{section}: {json.dumps({'kind': kind, key: written})}")
        assert (error.code, error.expected) == ("CFG-TYPE", known.expected)
        assert error.at.endswith(f"recipe.yaml:3 {section}.{key}")


@pytest.mark.parametrize(
    ("written", "code", "shown"),
    [("x", "CFG-TYPE", "'x'"), ("0", "CFG-RANGE", "0"), ("[4]", "CFG-TYPE", "a list")],
)
def test_a_value_under_a_free_name_has_its_place(refusal, written, code, shown):
    error = refusal(f"method:\n  rank_pattern: {{c_fc: 4, mlp.c_fc: {written}}}\n")
    assert error.code == code
    assert error.at.endswith("recipe.yaml:4 method.rank_pattern.'mlp.c_fc'")
    assert f"got {shown}, expected a whole number >= 1" in str(error)


@pytest.mark.parametrize(("section", "kind"), KINDS)
def test_a_key_named_like_a_kind_is_unknown(refusal, section, kind):
    for other in [name for key, name in KINDS if key == section]:
        error = refusal(f"{section}: {{kind: {kind}, {other}: 1}}")
        assert (error.code, error.problem) == ("CFG-UNKNOWN", f"unknown key `{other}`")
        assert error.at.endswith(f"recipe.yaml:3 {section}.{other}")


def test_the_limits_and_the_default_are_those_of_the_kind(refusal):
    spans = refusal("task: {kind: span_qa, max_length: 0}")
    assert spans.fix == "set task.max_length to a whole number >= 1, such as 384"
    assert refusal("task: {max_length: 0}").fix == "set task.max_length to a whole number >= 1"
    assert refusal("task: {kind: span_qa, max_length: null}").code == "CFG-TYPE"


def test_a_mistake_within_a_section_of_a_kind_has_its_place(refusal):
    error = refusal("task: {kind: written_qa, decoding: {kind: bean, num_beams: 1}}")
    assert error.at.endswith("recipe.yaml:3 task.decoding.kind")
    assert error.fix.startswith("did you mean beam?\nerror[CFG-RANGE]")
    assert "task.decoding.num_beams, got 1, expected a whole number >= 2" in error.fix


def test_a_key_of_another_kind_says_which(refusal):
    error = refusal("task: {kind: span_qa, labels: [a, b]}")
    assert (error.code, error.problem) == ("CFG-UNKNOWN", "unknown key `labels`")
    assert error.fix.startswith("`labels` belongs to task.kind classify or label_words; remove it")
    assert "replace" not in error.fix


def test_an_override_of_the_kind_alone_is_told_to_replace_the_section(refusal, loaded):
    error = refusal("method: {r: 4, lora_alpha: 2}\n", "method.kind=full")
    assert error.at.endswith("recipe.yaml:3 method.r")
    assert str(error).count("; or replace all of method: 'method={kind: full}'") == 2
    assert loaded("method: {r: 4}\n", "method={kind: full}").method.kind == "full"
    assert "replace" not in refusal("", "method.kind=full", "method.r=4").fix


def test_kinds_within_kinds_and_in_lists_have_their_places(kinds_within_kinds):
    others = [{"kind": "greedy"}, {"kind": "bean"}, {"kind": "beam", "text": 1}, {"beam": 0}]
    task = {"kind": "write", "write": {"kind": "beam", "beam": 0, "greedy": 1}, "others": others}
    with pytest.raises(ValidationError) as caught:
        kinds_within_kinds.model_validate_json(json.dumps({"task": task}), strict=True)
    told = str(explain(caught.value, Settings({"task": task}, {})))
    assert re.findall(r"at (task\.\S+?)(?:,|$)", told, re.MULTILINE) == [
        "task.write.beam",
        "task.write.greedy",
        "task.others[1].kind",
        "task.others[2].text",
        "task.others[3].beam",
    ]


@pytest.mark.parametrize(
    ("lines", "key", "fix"),
    [
        (
            "training:\n  learing_rate: 1\n",
            "4 training.learing_rate",
            "did you mean `learning_rate`?",
        ),
        ("r: 4\n", "3 r", "`r` belongs under `method`: write method.r"),
        ("training: {num_train_epochs: 3}\n", "3 training.num_train_epochs", "training.epochs"),
        ("output_dir: x\n", "3 output_dir", "--out DIR"),
        ("pruning: {share: 0.5}\n", "3 pruning", "choose from name, base, task, data"),
        ("quantization: {bits: 8}\n", "3 quantization.bits", "`bias` belongs under `method`"),
    ],
)
def test_an_unknown_key_is_answered_with_the_right_one(refusal, lines, key, fix):
    error = refusal(lines)
    assert error.code == "CFG-UNKNOWN"
    assert error.at.endswith(f"recipe.yaml:{key}")
    assert fix in error.fix


def test_a_missing_key_says_what_it_is(refusal):
    error = refusal(text="seed: 1\ndata: {name: cola}\n")
    assert (error.code, error.problem) == ("CFG-MISSING", "`base` is missing")
    assert error.at.endswith("recipe.yaml:1 base")
    assert error.fix.startswith("add `base`: base model: hub id, local folder")


def test_a_key_under_another_name_is_not_missing_as_well(refusal):
    error = refusal(text="model_name_or_path: gpt2\ndata: {name: cola}\n")
    assert error.code == "CFG-UNKNOWN"
    assert "CFG-MISSING" not in str(error)


def test_a_rule_between_settings_names_the_section_and_the_way_out(refusal):
    error = refusal(text="base: gpt2\ndata: {name: cola, train: a.csv}\n")
    assert error.at.endswith("recipe.yaml:2 data")
    assert (error.problem, error.fix) == (
        "both a named set (cola) and a file (train) are given",
        "keep one",
    )


def test_a_rule_that_an_override_breaks_names_the_override(refusal, loaded):
    error = refusal("", "data.train=a.csv")
    assert error.at == "command line: data.train"
    assert "KEY=null" in error.fix
    assert loaded("", "data.train=a.csv", "data.name=null").data.train == "a.csv"


def test_an_override_is_blamed_for_its_own_mistake(refusal):
    assert refusal("seed: 1\n", "seed=-1").at == "command line: seed"
    assert refusal("", "trainig.epochs=1").at == "command line: trainig.epochs"
    assert refusal("", "task.labels=[a, 1]").at == "command line: task.labels[1]"
    assert refusal("", "base=null").at == "command line: base"


def test_on_the_command_line_quotes_are_for_the_shell_too(refusal):
    assert refusal("", "data.text=1").fix == """quote it: '"1"'"""


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(refusal):
    error = refusal("seed: -1\nrank: 2\ntraining: {epochs: 0}\nmethod: {r: x}\n")
    heads = [line for line in str(error).splitlines() if line.startswith("error[")]
    assert [head.partition("]")[0] for head in heads] == [
        "error[CFG-RANGE",
        "error[CFG-UNKNOWN",
        "error[CFG-RANGE",
        "error[CFG-TYPE",
    ]
    assert heads[0] == error.headline
    assert str(error).count("\nfix: ") == len(heads)


def test_one_value_is_one_mistake_whatever_forms_it_may_have(refusal):
    error = refusal("data.x: 1\ntraining: {warmup: true}\nmethod: {target_modules: [q, 1]}\n")
    assert str(error).count("error[") == 3


def test_many_mistakes_are_counted(refusal):
    keys = "".join(f"zzz{number}: 1\n" for number in range(MOST_SHOWN + 7))
    assert str(refusal(keys)).endswith("\nand 7 more")


def test_every_message_is_of_lines_that_can_be_printed(refusal):
    error = refusal('"zz\\nz": 1\n"zz\\u202ez": 1\nbase2: "a\\nb"\ntraining: {schedule: "a\\nb"}\n')
    assert all(line.isprintable() for line in str(error).splitlines())
    assert len(str(error).splitlines()) == 2 * 4
