"""Prompts: what a template may hold, and what stands after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratory.errors import ConfigError
from loratory.tasks.prompt import Template, continuation, shared_length

FIELDS = ("context", "question")
WHOLE = "{context}\nQ: {question}\nA:"


@given(st.text(), st.text())
def test_a_row_is_written_into_the_fields_as_it_is_whatever_it_holds(context, question):
    found = Template(WHOLE, FIELDS).filled({"question": question, "context": context})
    assert found == context + "\nQ: " + question + "\nA:"


def test_a_row_that_looks_like_a_field_stays_text():
    found = Template(WHOLE, FIELDS).filled({"context": "{question}", "question": "{context}"})
    assert found == "{question}\nQ: {context}\nA:"


def test_words_of_the_template_that_are_named_as_a_field_stay():
    assert Template("text{text}text", ["text"]).filled({"text": "-"}) == "text-text"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{context}", "the field {question} is missing"),
        ("", "the field {context} is missing"),
        ("{context} {question} {context}", "the field {context} occurs twice"),
        ("{context} {question} {answer}", "unknown field {answer}"),
        ("{context} {question} {}", "unknown field {}"),
        ("{context} { question}", "unknown field { question}"),
        ("{{context}} {question}", "a brace that is of no field"),
        ("{context} {question} }", "a brace that is of no field"),
        ("{context} {question} {", "a brace that is of no field"),
        ("{context} {question} ", "ends in a space"),
        ("{context} {question}\t", "ends in a space"),
        ("{context} {question}\n ", "ends in a space"),
    ],
)
def test_a_template_that_leaves_doubts_is_refused(text, problem):
    with pytest.raises(ConfigError) as caught:
        Template(text, FIELDS)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("TASK-TEMPLATE", 2, "task.template")
    assert problem in error.problem
    assert "{context} and {question}" in error.fix


@pytest.mark.parametrize(("end", "gap"), [("", " "), (":", " "), ("\n", ""), ("\n\n", "")])
def test_a_space_follows_unless_the_prompt_ends_in_a_line_break(end, gap):
    assert Template("{text}" + end, ["text"]).gap == gap


def test_what_follows_is_the_tokens_it_adds(tokenizer):
    for prompt, text in (("T: so\nL:", " the film"), ("so\n", "dull")):
        before = tokenizer(prompt)["input_ids"]
        found = continuation(tokenizer, prompt, text)
        assert [*before, *found] == tokenizer(prompt + text)["input_ids"]
        assert tokenizer.decode([*found]) == text


def test_a_prompt_that_melts_into_what_follows_is_refused(melting_tokenizer):
    assert continuation(melting_tokenizer, "it is so:", "x")
    with pytest.raises(ConfigError) as caught:
        continuation(melting_tokenizer, "it is so:", " lovely")
    assert (caught.value.code, caught.value.at) == ("TASK-TEMPLATE", "task.template")
    assert caught.value.got == "it is so: lovely"


@given(st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=4))
def test_the_shared_length_is_that_of_the_longest_beginning_of_all(paths):
    found = shared_length(*paths)
    assert all(path[:found] == paths[0][:found] for path in paths)
    longer = [tuple(path[: found + 1]) for path in paths]
    assert len(set(longer)) > 1 or min(map(len, paths)) == found
