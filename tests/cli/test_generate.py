"""`loratory generate`: text as it comes, or one JSON object; options checked as a recipe's are."""

import json
import os
import subprocess
import sys

import pytest

PROMPT = "a quiet , lovely film about"


def text_of(loratory, *arguments, **options):
    ran = loratory("generate", *arguments, **options)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\n")
    return ran.out[:-1]


def test_what_is_printed_is_the_text_alone_and_json_has_it_too(loratory, base_folder):
    text = text_of(loratory, base_folder, PROMPT)
    ran = loratory("generate", base_folder, PROMPT, "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert found.keys() == {"prompt", "text", "tokens", "cut", "seconds", "tokens_per_second"}
    assert (found["prompt"], found["text"]) == (PROMPT, text)
    assert found["tokens"] > 0
    assert isinstance(found["cut"], bool)
    assert found["tokens_per_second"] > 0


def test_standard_input_is_a_prompt_without_its_last_line_break(loratory, gpt2_folder):
    expected = text_of(loratory, gpt2_folder, PROMPT)
    for given in (PROMPT, f"{PROMPT}\n", f"{PROMPT}\r\n"):
        assert text_of(loratory, gpt2_folder, "-", stdin=given) == expected
    two = loratory("generate", gpt2_folder, "-", "--json", stdin="one\n\ntwo\n\n")
    assert json.loads(two.out)["prompt"] == "one\n\ntwo\n"


def tokens_of(loratory, *arguments):
    return json.loads(loratory("generate", *arguments, "--json").out)["tokens"]


def test_options_reach_the_decoding(loratory, llama_folder):
    base = [llama_folder, PROMPT]
    assert tokens_of(loratory, *base, "--max-new-tokens", "3") <= 3
    greedy = text_of(loratory, *base)
    assert text_of(loratory, *base, "--seed", "7") == greedy
    assert text_of(loratory, *base, "--top-k", "1") == greedy
    assert text_of(loratory, *base, "--temperature", "3") != greedy
    assert text_of(loratory, *base, "--top-p", "0.000001") == greedy
    assert text_of(loratory, *base, "--repetition-penalty", "0.01") != greedy
    assert text_of(loratory, *base, "--beams", "4") != greedy


def test_draws_follow_the_seed(loratory, llama_folder):
    first, again, other = (
        text_of(loratory, llama_folder, PROMPT, "--temperature", "2", "--seed", seed)
        for seed in ("0", "0", "1")
    )
    assert first == again != other


RANGES = [
    ("--temperature", "0.0", "a number > 0"),
    ("--temperature", "nan", "a number > 0"),
    ("--top-k", "-1", "a whole number >= 0"),
    ("--top-p", "1.5", "a number > 0 and <= 1"),
    ("--repetition-penalty", "0.0", "a number > 0"),
    ("--max-new-tokens", "0", "a whole number >= 1"),
    ("--beams", "1", "a whole number >= 2"),
    ("--seed", "-1", "a whole number >= 0"),
    ("--samples", "0", "a whole number >= 1"),
]


@pytest.mark.parametrize(("option", "value", "expected"), RANGES)
def test_a_value_out_of_range_names_its_option_and_what_it_may_be(
    loratory, gpt2_folder, option, value, expected
):
    ran = loratory("generate", gpt2_folder, PROMPT, option, value)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[CFG-RANGE]: ")
    assert f"at command line: {option}, got {value}, expected {expected}" in ran.err
    assert f"fix: set {option} to {expected}" in ran.err


def test_what_is_no_number_is_refused(loratory, gpt2_folder):
    ran = loratory("generate", gpt2_folder, PROMPT, "--top-k", "many")
    assert (ran.code, ran.out) == (2, "")
    assert "--top-k" in ran.err


def test_samples_are_lines_of_json_with_the_prompt_and_follow_the_seed(loratory, llama_folder):
    given = [llama_folder, PROMPT, "--samples", "3", "--max-new-tokens", "6"]
    lines = [json.loads(line) for line in text_of(loratory, *given).splitlines()]
    assert [line.keys() for line in lines] == [{"text", "cut"}] * 3
    texts = [line["text"] for line in lines]
    assert all(text.startswith(PROMPT) and len(text) > len(PROMPT) for text in texts)
    assert len({*texts}) > 1
    # The first is what one draw alone would be.
    alone = text_of(loratory, llama_folder, PROMPT, "--max-new-tokens", "6", "--temperature", "1")
    assert texts[0] == PROMPT + alone
    more = text_of(loratory, *given[:2], "--samples", "5", *given[4:]).splitlines()
    assert [json.loads(line)["text"] for line in more[:3]] == texts
    assert text_of(loratory, *given, "--seed", "1") != text_of(loratory, *given)


def test_samples_are_no_single_object(loratory, gpt2_folder):
    ran = loratory("generate", gpt2_folder, PROMPT, "--samples", "2", "--json")
    assert ran.code == 2
    assert "both --samples and --json are given" in json.loads(ran.out)["error"]["message"]


@pytest.mark.parametrize("draw", ["--temperature", "--top-k", "--top-p", "--samples"])
def test_beams_do_not_draw(loratory, gpt2_folder, draw):
    ran = loratory("generate", gpt2_folder, PROMPT, "--beams", "2", draw, "1")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error[CFG-USAGE]: both --beams and {draw} are given")


def test_what_cannot_be_had_or_read_is_an_error(loratory, gpt2_folder, film_run, tmp_path):
    for arguments, code, words in [
        ((film_run, PROMPT), 2, "CFG-VALUE"),
        ((tmp_path / "none", PROMPT), 8, "MODEL-FOLDER"),
        ((PROMPT * 30, film_run), 4, "RUN-IO]: cannot read or write (File name too long)"),
        ((gpt2_folder, " "), 3, "DATA-TEXT"),
        ((gpt2_folder, "long " * 100), 3, "DATA-TRUNC"),
    ]:
        ran = loratory("generate", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith(f"error[{words}")


def test_every_setting_of_a_decoding_is_an_option_with_its_help(loratory, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = loratory("generate", "--help").out
    for option, help_ in [
        ("--max-new-tokens", "Tokens after which a text is cut, and counted. [default: (32)]"),
        ("--beams", "Texts kept side by side"),
        ("--temperature", "Below 1 likely tokens become likelier"),
        ("--top-k", "Draw among so many"),
        ("--top-p", "together reach this probability"),
        ("--repetition-penalty", "Above 1 tokens that were there before"),
    ]:
        assert option in shown
        assert help_ in shown
    assert "kind:" not in shown


@pytest.mark.slow
def test_text_appears_before_all_of_it_is_written(gpt2_folder):
    command = [sys.executable, "-m", "loratory", "generate", str(gpt2_folder), PROMPT]
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        [*command, "--max-new-tokens", "40"], stdout=subprocess.PIPE, env=environment
    ) as running:
        parts = []
        while part := os.read(running.stdout.fileno(), 4096):
            parts.append(part)
    assert running.returncode == 0
    assert len(parts) > 1
