"""Reading a run folder: everything that is there, and a sentence for what is not."""

import pytest

from loratory.errors import RunError
from loratory.report.read import read_run

FILES = ["recipe.yaml", "environment.json", "log.jsonl", "result.json"]


def test_a_complete_folder_is_read_without_a_problem(complete_run):
    record = read_run(complete_run)
    assert record.problems == ()
    assert record.name == "tiny-20260114-120233"
    assert record.recipe["method"]["r"] == 4
    assert record.recipe_text == (complete_run / "recipe.yaml").read_text(encoding="utf-8")
    assert record.environment == {"torch": "2.13.0", "threads": 2}
    assert len(record.events_of("step")) == 15
    assert record.result.seconds == 222.4
    assert len(record.predictions["validation"]) == 40


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there_is_named(run_dir, name):
    (run_dir / name).unlink()
    (problem,) = read_run(run_dir).problems
    assert problem.startswith(f"{name} is not there: ")


@pytest.mark.parametrize("name", [*FILES, "predictions/validation.jsonl"])
@pytest.mark.parametrize("content", [b"[1, 2\n", b"[1, 2]\n", b"\xff\xfe\n"])
def test_a_damaged_file_is_named_and_the_rest_is_read(run_dir, name, content):
    (run_dir / name).write_bytes(content)
    record = read_run(run_dir)
    (problem,) = record.problems
    assert problem.startswith(f"{name} cannot be read: ")
    assert "\n" not in problem
    assert str(run_dir) not in problem
    assert record.predictions or record.result.metrics


def test_a_result_of_the_wrong_types_is_a_damaged_one(run_dir):
    (run_dir / "result.json").write_text('{"seconds": "soon"}', encoding="utf-8")
    (problem,) = read_run(run_dir).problems
    assert "result.json cannot be read" in problem
    assert "seconds" in problem


def test_numbers_that_were_not_finite_are_left_out(run_dir):
    text = '{"metrics": {"accuracy": 0.5, "f1": null}, "intervals": {"f1": null}}'
    (run_dir / "result.json").write_text(text, encoding="utf-8")
    record = read_run(run_dir)
    assert record.problems == ()
    assert record.result.metrics == {"accuracy": 0.5}
    assert record.result.intervals == {}


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_a_run_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError) as caught:
        read_run(tmp_path / name)
    assert caught.value.code == "RUN-FOLDER"
    assert str(tmp_path / name) in caught.value.headline
