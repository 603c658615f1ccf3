"""Rows: as many as asked for, the same each time, and answers that stand in their paragraphs."""

import json
from pathlib import Path

import pytest

from benchmarks.texts import paragraphs, sentences, write_paragraphs
from loratory.data.squad import squad_records
from loratory.errors import DataError


def questions(found):
    return [question for paragraph in found for question in paragraph["qas"]]


def test_sentences_are_the_same_each_time_and_of_both_classes():
    made = sentences(20, real=False)
    assert made == sentences(20, real=False)
    assert len({row["text"] for row in made}) == 20
    assert {row["label"] for row in made} == {0, 1}


def test_made_up_questions_read_as_squads(tmp_path):
    for name in ("squad_v1.1", "squad_v2.0"):
        found = paragraphs(12, data=None, name=name)
        assert len(questions(found)) == 12
        assert len(found) == 3
        path = write_paragraphs(tmp_path, found)
        records = squad_records(Path(path).read_bytes(), "rows.json")
        assert len(records) == 12
        for paragraph in found:
            for question in paragraph["qas"]:
                for answer in question["answers"]:
                    assert paragraph["context"].startswith(answer["text"], answer["answer_start"])
        none = sum(question["is_impossible"] for question in questions(found))
        assert none == (4 if name == "squad_v2.0" else 0)


def test_questions_of_a_folder_are_its_own(tmp_path):
    asked = [
        {"id": str(n), "question": "who?", "answers": [], "is_impossible": True} for n in "abc"
    ]
    document = {"data": [{"title": "t", "paragraphs": [{"context": "a b", "qas": asked}] * 4}]}
    (tmp_path / "squad_v2.0").mkdir()
    (tmp_path / "squad_v2.0" / "train.json").write_text(json.dumps(document))
    found = paragraphs(4, data=tmp_path, name="squad_v2.0")
    assert [len(paragraph["qas"]) for paragraph in found] == [3, 1]
    assert [len(p["qas"]) for p in paragraphs(2, data=tmp_path, name="squad_v2.0", each=1)] == [
        1,
        1,
    ]


def test_a_folder_without_the_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="DATA-FILE"):
        paragraphs(4, data=tmp_path, name="squad_v2.0")
