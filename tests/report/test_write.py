"""Writing the report: the page and its plots, for whole runs and for broken ones."""

import re
import shutil

import pytest

from loratory.errors import RunError
from loratory.report.write import write_report


def test_the_page_and_the_plots_are_in_the_folder(run_dir):
    page = write_report(run_dir)
    assert page == run_dir / "report.html"
    assert "87.5" in page.read_text(encoding="utf-8")
    plots = {path.name for path in (run_dir / "plots").iterdir()}
    assert plots == {
        f"{name}.png"
        for name in (
            "baselines", "loss", "metric", "gradient_norm", "learning_rate", "confusion",
            "calibration",
        )
    }  # fmt: skip
    assert all((run_dir / "plots" / name).read_bytes().startswith(b"\x89PNG\r\n") for name in plots)


@pytest.mark.parametrize("kind", ["span_run", "written_run", "text_run"])
def test_a_run_of_any_task_has_a_page_without_a_problem(request, tmp_path, kind):
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / "run")
    html = write_report(folder).read_text(encoding="utf-8")
    warned = re.search(r'<ul class="warnings".*?</ul>', html, re.DOTALL)[0]
    assert re.findall("<li>(.*)</li>", warned) == ["train.csv: 2 texts carry different labels"]
    assert 'class="number"' in html


def test_writing_again_gives_the_same_page(run_dir):
    first = write_report(run_dir).read_bytes()
    assert write_report(run_dir).read_bytes() == first


def test_without_predictions_the_page_says_what_it_lacks(run_dir):
    shutil.rmtree(run_dir / "predictions")
    html = write_report(run_dir).read_text(encoding="utf-8")
    assert "predictions/validation.jsonl is not there: no confusion matrix" in html
    assert not (run_dir / "plots" / "confusion.png").exists()


def test_predictions_that_cannot_be_scored_are_named(run_dir):
    path = run_dir / "predictions" / "validation.jsonl"
    text = path.read_text(encoding="utf-8").replace('"target": "positive"', '"target": "great"', 1)
    path.write_text(text, encoding="utf-8")
    html = write_report(run_dir).read_text(encoding="utf-8")
    assert "predictions/validation.jsonl cannot be scored" in html
    assert "great" in html


def test_damaged_predictions_are_named_once(run_dir):
    (run_dir / "predictions" / "validation.jsonl").write_text("{oops\n", encoding="utf-8")
    html = write_report(run_dir).read_text(encoding="utf-8")
    assert html.count("predictions/validation.jsonl") == 1


def test_a_recipe_alone_is_enough_for_a_page(run_dir, tmp_path):
    (tmp_path / "started").mkdir()
    shutil.copy(run_dir / "recipe.yaml", tmp_path / "started")
    html = write_report(tmp_path / "started").read_text(encoding="utf-8")
    for name in ("result.json", "log.jsonl", "environment.json"):
        assert f"{name} is not there" in html


def test_a_folder_that_is_no_run_stays_untouched(tmp_path):
    with pytest.raises(RunError):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
