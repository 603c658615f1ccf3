"""Texts that nobody has labelled: given one by one, or in a file of any format."""

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from loratory import pipeline
from loratory.errors import DataError
from loratory.inference.predict_texts import predict_file, predict_texts
from loratory.recipe.load import recipe_of

TEXTS = ["lovely moving", "dull, thin", "quiet"]


def write(path, column="text"):
    """Write the texts into a file of the format that its name says; return their places."""
    name = path.name
    match path.suffix:
        case ".csv":
            path.write_text("\n".join([column, *(f'"{text}"' for text in TEXTS)]))
        case ".tsv":
            path.write_text("\n".join([column, *TEXTS]))
        case ".jsonl":
            path.write_text("".join(json.dumps({column: text}) + "\n" for text in TEXTS))
        case ".parquet":
            parquet.write_table(pa.table({column: TEXTS}), path)
        case ".txt":
            path.write_text("\r\n".join(TEXTS) + "\r\n")
    first = 2 if path.suffix in {".csv", ".tsv"} else 1
    return [f"{name}:{first + number}" for number in range(len(TEXTS))]


def without_ids(predictions):
    return [(line.text, line.target, line.prediction, line.scores) for line in predictions]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "txt"])
def test_a_file_gives_the_predictions_of_its_texts_with_their_places(film_run, tmp_path, ending):
    places = write(tmp_path / f"texts.{ending}")
    found = predict_file(film_run, tmp_path / f"texts.{ending}")
    assert [line.id for line in found] == places
    assert without_ids(found) == without_ids(predict_texts(film_run, TEXTS))


def test_another_column_can_be_named(film_run, tmp_path):
    write(tmp_path / "texts.jsonl", column="review")
    found = predict_file(film_run, tmp_path / "texts.jsonl", column="review")
    assert [line.text for line in found] == TEXTS
    with pytest.raises(DataError, match=r"DATA-COL.*'text' is missing; found: 'review'"):
        predict_file(film_run, tmp_path / "texts.jsonl")


def test_problems_are_read_from_their_column(gpt2_folder, tmp_path):
    rows = [{"problem": f"{n} + 1?", "answer": str(n + 1)} for n in range(4)]
    file = tmp_path / "problems.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "base": str(gpt2_folder),
        "data.train": str(file),
        "task": {"kind": "word_problem", "writes": "answer", "decoding": {"max_new_tokens": 2}},
        "training": {"epochs": 1, "precision": "float32", "device": "cpu"},
    }
    run = pipeline.train(recipe_of("sums", settings), out=tmp_path / "run").path
    assert [line.text for line in predict_file(run, file)] == [row["problem"] for row in rows]
    write(tmp_path / "asked.csv", column="asked")
    found = predict_file(run, tmp_path / "asked.csv", column="asked")
    assert [line.text for line in found] == TEXTS


def test_a_text_that_cannot_be_read_is_refused_by_its_place(film_run, tmp_path):
    (tmp_path / "texts.txt").write_text("lovely\n\ndull\n")
    with pytest.raises(DataError, match=r"DATA-TEXT.*empty text, at texts.txt:2"):
        predict_file(film_run, tmp_path / "texts.txt")
    with pytest.raises(DataError, match=r"DATA-TEXT.*at text 2"):
        predict_texts(film_run, ["lovely", " "])
