"""Small files of rows in every format, questions among them, and the section that reads them."""

import csv
import json

import pyarrow
import pytest
from pyarrow import parquet

from loratory.data.load import load_dataset
from loratory.recipe.schema import DataSection


def write_csv(path, rows, columns):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def write_tsv(path, rows, columns):
    lines = ["\t".join(map(str, fields)) for fields in [columns, *rows]]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def write_jsonl(path, rows, columns):
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    lines = [json.dumps(values, ensure_ascii=False) for values in objects]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def write_parquet(path, rows, columns):
    values = zip(*rows, strict=True)
    parquet.write_table(pyarrow.table(dict(zip(columns, map(list, values), strict=True))), path)


WRITERS = {".csv": write_csv, ".tsv": write_tsv, ".jsonl": write_jsonl, ".parquet": write_parquet}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes rows, or bytes as they are, and returns the file's path."""

    def write(name, content, columns=("text", "label")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            WRITERS[path.suffix](path, content, columns)
        return path

    return write


@pytest.fixture
def squad():
    """Return a function that makes a file in SQuAD's format.

    Each article is a title and its paragraphs, each of them a context and questions: as they are,
    or as JSON that is written by hand.
    """

    def paragraph(context, questions):
        written = [q if isinstance(q, str) else json.dumps(q) for q in questions]
        return f'{{"context": {json.dumps(context)}, "qas": [{", ".join(written)}]}}'

    def squad(articles, version="1.1"):
        data = [
            f'{{"title": {json.dumps(title)}, "paragraphs": [{inner}]}}'
            for title, paragraphs in articles.items()
            for inner in [", ".join(paragraph(*found) for found in paragraphs)]
        ]
        return f'{{"version": "{version}", "data": [{", ".join(data)}]}}'.encode()

    return squad


@pytest.fixture
def question():
    """Return a function that makes a question whose answers are found in its context."""

    def question(row_id, context, *answers, asked="What is it?", **changes):
        found = [{"text": text, "answer_start": context.index(text)} for text in answers]
        return {"id": row_id, "question": asked, "answers": found} | changes

    return question


@pytest.fixture
def load(write):
    """Return a function that writes one file per split and loads them as a data set."""

    def load(files, labels=None, reads="labelled", **settings):
        paths = {name.split(".")[0]: str(write(name, content)) for name, content in files.items()}
        return load_dataset(DataSection(**paths, **settings), reads, labels)

    return load
