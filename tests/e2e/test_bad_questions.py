"""Questions, prompts and label words that cannot be used: refused before any folder appears."""

import copy
import json

import pytest

CONTEXT = "The lake is quiet and the boat is old."
GOOD = {"id": "q1", "question": "What is old?", "answers": [{"text": "boat", "answer_start": 26}]}


def squad(*questions, context=CONTEXT):
    """Return a file's content with an article of one paragraph."""
    paragraph = {"context": context, "qas": list(questions)}
    return json.dumps({"version": "x", "data": [{"title": "Lakes", "paragraphs": [paragraph]}]})


def changed(**changes):
    return {**copy.deepcopy(GOOD), "id": "q2"} | changes


def answer(text, start):
    return changed(answers=[{"text": text, "answer_start": start}])


NONE = changed(answers=[], is_impossible=True)

# What is wrong, the file's content, the code, and what its place must name.
FILES = [
    ("another text there", squad(GOOD, answer("lake", 0)), "DATA-SPAN", "q2"),
    ("a start before the text", squad(GOOD, answer("The", -1)), "DATA-SPAN", "q2"),
    ("a start behind the text", squad(GOOD, answer("boat", 9999)), "DATA-SPAN", "q2"),
    ("no answer's text", squad(GOOD, answer("", 3)), "DATA-SPAN", "q2"),
    ("answers that are no list", squad(GOOD, changed(answers="boat")), "DATA-SPAN", "q2"),
    ("an id twice", squad(GOOD, changed(id="q1")), "DATA-ID", "q1"),
    ("an empty question", squad(GOOD, changed(question=" ")), "DATA-TEXT", "q2"),
    ("no question", squad({"id": "q2", "answers": []}), "DATA-COL", "q2"),
    ("an empty context", squad(GOOD, context=""), "DATA-TEXT", "q1"),
    ("a question without an answer", squad(GOOD, NONE), "DATA-VERSION", "q2"),
    ("a file that breaks off", squad(GOOD)[:-5], "DATA-JSON", "train.json"),
    ("a file of no articles", json.dumps([1]), "DATA-JSON", "train.json"),
]


@pytest.mark.parametrize(
    ("content", "code", "place"), [case[1:] for case in FILES], ids=[case[0] for case in FILES]
)
def test_a_file_of_questions_is_refused_at_its_fault(
    refused, gpt2_folder, tmp_path, content, code, place
):
    (tmp_path / "train.json").write_text(content)
    (tmp_path / "r.yaml").write_text(
        f"base: {gpt2_folder}\ntask: {{kind: span_qa}}\ndata: {{train: train.json}}\n"
    )
    found = refused("train", "r.yaml")
    assert (found.code, found.exit_code) == (code, 3)
    assert place in found.headline


# What is wrong, the task, the code, and what the message must name.
TASKS = [
    ("words of the same tokens", {"words": ["good", "good "]}, "TASK-VERBALIZER", "task.words"),
    ("a word of nothing", {"words": ["good", " "]}, "TASK-VERBALIZER", "task.words"),
    ("too few words", {"words": ["good"]}, "TASK-VERBALIZER", "task.words"),
    ("a template without a text", {"template": "It is"}, "TASK-TEMPLATE", "{text}"),
    ("an unknown field", {"template": "{text} {txt} is"}, "TASK-TEMPLATE", "{txt}"),
    ("a space at the end", {"template": "{text} is "}, "TASK-TEMPLATE", "space"),
    ("more tokens than positions", {"max_length": 4096}, "CFG-RANGE", "task.max_length"),
]


@pytest.mark.parametrize("case", TASKS, ids=[case[0] for case in TASKS])
def test_a_prompt_that_cannot_be_read_is_refused(refused, gpt2_folder, films, tmp_path, case):
    _, settings, code, named = case
    task = {"kind": "label_words", **settings}
    data = {"train": str(films / "train.csv")}
    recipe = {"base": str(gpt2_folder), "task": task, "data": data}
    (tmp_path / "r.yaml").write_text(json.dumps(recipe))
    found = refused("train", "r.yaml")
    assert (found.code, found.exit_code) == (code, 2)
    assert named in found.headline


def test_a_prompt_that_leaves_no_room_for_its_answer_is_refused(refused, gpt2_folder, tmp_path):
    (tmp_path / "train.json").write_text(squad(GOOD))
    (tmp_path / "r.yaml").write_text(
        f"base: {gpt2_folder}\ndata: {{train: train.json}}\n"
        "task: {kind: written_qa, max_length: 40, decoding: {max_new_tokens: 30}}\n"
    )
    found = refused("train", "r.yaml")
    assert (found.code, found.exit_code) == ("DATA-TRUNC", 3)
    assert "q1" in found.headline
