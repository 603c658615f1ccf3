"""The rows that both sides read: real ones where they can be had, else made up by a seeded drawing.

What is made up has the lengths of the real thing, in words, and no meaning: speed does not depend
on it.
"""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loratory.data.files import missing_file
from loratory.data.load import load_dataset
from loratory.recipe.schema import DataSection, Limits

Sentence = dict[str, Any]
Paragraph = dict[str, Any]

_TEXT = (
    "the a of and to in is it that was for as with on by at from this his her they are be an "
    "not which but or had has were one two first last new old long small great little few many "
    "most city river state country church school house world music film story book game team "
    "season player king queen army war peace law court party people children family father "
    "mother friend year century month day night time place part side end name number group form "
    "line point work power water light sound colour stone field forest island mountain north "
    "south east west road bridge train ship engine paper letter word language science theory "
    "model system process value area region centre border trade market money price cost plan "
    "idea question answer reason cause made found used known called built written played moved "
    "began became included remained gave wide early late modern ancient central public common "
    "important different several however while between during after before under over through "
    "against within across about only also later"
)
_WORDS = _TEXT.split()
_SEED = 5
_SENTENCE_WORDS, _CONTEXT_WORDS, _QUESTION_WORDS, _ANSWER_WORDS = (5, 36), (60, 180), (6, 14), 4
_LABELS = 2


def sentences(count: int, *, real: bool) -> list[Sentence]:
    """Return `count` film reviews of one sentence with their labels, 0 or 1.

    Raises:
        ResourceError, SecurityError: real ones are asked for, and their wheel cannot be had.
    """
    if not real:
        draw = random.Random(_SEED)
        texts = (_words(draw, draw.randint(*_SENTENCE_WORDS)) for _ in range(count))
        return [{"text": text, "label": at % _LABELS} for at, text in enumerate(texts)]
    section = DataSection(name="rotten_tomatoes", limit=Limits(train=count))
    rows = load_dataset(section, "labelled").rows("train")
    return [{"text": row.text, "label": row.label} for row in rows]


def paragraphs(
    questions: int, *, data: Path | None, name: str, each: int | None = None
) -> list[Paragraph]:
    """Return paragraphs in SQuAD's form that have `questions` questions together, or a few more.

    They are those of the set `name` in the folder `data`, from all over it; made up without a
    folder. Of each at most `each` questions are taken.

    Raises:
        DataError: the folder has no training file of the set (DATA-FILE).
    """
    source = _made_up(name) if data is None else _published(data / name)
    found: list[Paragraph] = []
    left = questions
    for paragraph in source:
        if left <= 0:
            return found
        asked = paragraph["qas"][: min(each or left, left)]
        found.append({**paragraph, "qas": asked})
        left -= len(asked)
    return found


def write_sentences(folder: Path, rows: Sequence[Sentence]) -> str:
    """Write `rows.jsonl` into `folder` and return its path."""
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def write_paragraphs(folder: Path, found: Sequence[Paragraph]) -> str:
    """Write `rows.json` into `folder`, in SQuAD's form, and return its path."""
    path = folder / "rows.json"
    document = {"data": [{"title": "rows", "paragraphs": list(found)}]}
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def _published(folder: Path) -> Iterator[Paragraph]:
    path = next(folder.glob("train*.json"), None)
    if path is None:
        raise missing_file((folder / "train.json").absolute())
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    every = [paragraph for article in articles for paragraph in article["paragraphs"]]
    random.Random(_SEED).shuffle(every)
    yield from (paragraph for paragraph in every if paragraph["qas"])


def _made_up(name: str) -> Iterator[Paragraph]:
    """Yield paragraphs of five questions; of SQuAD v2.0, every third has no answer."""
    draw, number = random.Random(_SEED), 0
    while True:
        context = _words(draw, draw.randint(*_CONTEXT_WORDS))
        asked = []
        for _ in range(5):
            answers = [_answer(draw, context)]
            impossible = name == "squad_v2.0" and number % 3 == 2  # noqa: PLR2004
            asked.append(
                {
                    "id": str(number),
                    "question": f"{_words(draw, draw.randint(*_QUESTION_WORDS))}?",
                    "answers": [] if impossible else answers,
                    "is_impossible": impossible,
                }
            )
            number += 1
        yield {"context": context, "qas": asked}


def _answer(draw: random.Random, context: str) -> dict[str, Any]:
    words = context.split()
    first = draw.randrange(len(words) - _ANSWER_WORDS)
    start = len(" ".join([*words[:first], ""]))
    return {
        "text": " ".join(words[first : first + draw.randint(1, _ANSWER_WORDS)]),
        "answer_start": start,
    }


def _words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(_WORDS, k=count))
