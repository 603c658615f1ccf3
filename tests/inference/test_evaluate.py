"""A run scored again: the numbers of its training, or those of other rows."""

import json
import re
import shutil

import pytest
from sklearn.metrics import accuracy_score, matthews_corrcoef

from loratory.errors import DataError, RunError
from loratory.inference.evaluate import evaluate_run


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_gives_the_predictions_of_training_byte_for_byte(copied_run, predicted, split):
    found = evaluate_run(copied_run, split=split)
    assert found.predictions.read_bytes() == predicted(split).data
    result = json.loads((copied_run / "result.json").read_text())["evaluation"][split]
    assert (found.split, found.rows, found.warnings) == (split, result["rows"], ())
    assert found.metrics == result["metrics"]
    assert found.intervals == {name: tuple(pair) for name, pair in result["intervals"].items()}


def test_without_a_split_it_is_the_test_split(copied_run):
    assert evaluate_run(copied_run).split == "test"


def test_without_a_test_split_it_is_validation(copied_run, films):
    recipe = copied_run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(f"test: {films / 'test.csv'}", "test: null"))
    assert evaluate_run(copied_run).split == "validation"


def test_the_training_rows_are_scored_with_a_warning(copied_run):
    found = evaluate_run(copied_run, split="train")
    assert found.rows == 22
    assert found.warnings == ("the model was trained on these rows",)


def test_the_rows_of_a_file_are_scored(copied_run, tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("label,text\npositive,lovely moving\nnegative,dull\npositive,quiet cold\n")
    found = evaluate_run(copied_run, file=path)
    lines = [json.loads(line) for line in found.predictions.read_text().splitlines()]
    assert found.predictions == copied_run / "predictions" / "file-more.jsonl"
    assert [line["target"] for line in lines] == ["positive", "negative", "positive"]
    targets, guesses = ([line[key] for line in lines] for key in ("target", "prediction"))
    assert found.metrics["accuracy"] == accuracy_score(targets, guesses)
    mcc = matthews_corrcoef(targets, guesses)
    assert found.metrics["matthews_correlation"] == pytest.approx(mcc)


def test_a_file_of_other_rows_and_the_same_name_is_kept_beside(copied_run, tmp_path):
    found = []
    for folder, text in (("a", "lovely"), ("b", "dull"), ("a", "lovely"), ("b", "dull")):
        path = tmp_path / folder / "more.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"label,text\npositive,{text}\n")
        found.append(evaluate_run(copied_run, file=path).predictions)
    first, second, *again = found
    assert again == [first, second]
    assert first.name == "file-more.jsonl"
    assert re.fullmatch(r"file-more-[0-9a-f]{8}\.jsonl", second.name)
    texts = [json.loads(path.read_text())["text"] for path in (first, second)]
    assert texts == ["lovely", "dull"]


def test_lines_of_a_file_that_cannot_be_read_are_written_again(copied_run, tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("label,text\npositive,lovely\n")
    kept = copied_run / "predictions" / "file-more.jsonl"
    kept.write_text("{")
    assert evaluate_run(copied_run, file=path).predictions == kept
    assert json.loads(kept.read_text())["text"] == "lovely"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,label\nlovely,great\n", "DATA-LABEL.*more.csv:2, got 'great'"),
        ("text\nlovely\n", "DATA-COL.*'label' is missing"),
        ("text,label\n", "DATA-EMPTY"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused(copied_run, tmp_path, content, words):
    path = tmp_path / "more.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=words):
        evaluate_run(copied_run, file=path)
    assert not (copied_run / "predictions" / "file-more.jsonl").exists()


def test_a_split_that_is_not_there_is_refused(copied_run):
    with pytest.raises(DataError, match=r"DATA-SPLIT.*no dev split.*train, validation, test"):
        evaluate_run(copied_run, split="dev")


def test_a_run_that_has_not_finished_is_not_scored(copied_run):
    shutil.rmtree(copied_run / "adapter")
    with pytest.raises(RunError, match="RUN-UNFINISHED") as caught:
        evaluate_run(copied_run)
    assert caught.value.exit_code == 4
