"""Summaries of runs: what is kept, what is not, and nothing of the machine's folders."""

import json
import shutil

import pytest

from benchmarks.keep import keep, run_summary, summary_name, without_paths
from loratory.errors import RunError


def test_a_summary_holds_result_recipe_and_machine_and_no_path(film_run, gpt2_folder, tmp_path):
    file = keep(film_run, kept=tmp_path / "kept")
    text, summary = file.read_text(), json.loads(file.read_text())
    result = json.loads((film_run / "result.json").read_text())
    assert summary["result"]["metrics"] == result["metrics"]
    assert summary["recipe"]["method"]["r"] == 4
    assert summary["environment"]["compute"]["device"] == "cpu"
    assert summary["recipe"]["base"] == gpt2_folder.name
    for folder in (film_run, gpt2_folder, tmp_path):
        assert str(folder) not in text
        assert str(folder.parent) not in text


def test_the_name_says_recipe_base_rows_and_seed(film_run, gpt2_folder, tmp_path):
    name = f"films-{gpt2_folder.name}-22-seed0"
    assert summary_name(run_summary(film_run)) == name
    assert keep(film_run, kept=tmp_path).name == f"{name}.json"
    assert keep(film_run, name="mine", kept=tmp_path).name == "mine.json"


def test_another_runs_summary_is_not_overwritten(film_run, tmp_path):
    file = keep(film_run, kept=tmp_path)
    assert keep(film_run, kept=tmp_path) == file
    summary = json.loads(file.read_text())
    summary["recipe"]["training"]["learning_rate"] = 0.5
    file.write_text(json.dumps(summary))
    with pytest.raises(RunError, match="RUN-EXISTS"):
        keep(film_run, kept=tmp_path)


def test_a_run_without_a_result_is_refused(film_run, tmp_path):
    shutil.copytree(film_run, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(RunError, match="RUN-UNFINISHED"):
        keep(tmp_path / "run", kept=tmp_path)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/srv/models/gpt2", "gpt2"),
        ("12 rows of /srv/data/films.csv were left out", "12 rows of films.csv were left out"),
        ("organisation/model", "organisation/model"),
        ("answer yes/no/perhaps", "answer yes/no/perhaps"),
        (r".*\.(attn|mlp)/(a|b)", r".*\.(attn|mlp)/(a|b)"),
        ("../data/films", "../data/films"),
    ],
)
def test_only_absolute_paths_are_cut(text, left):
    assert without_paths({"a": [text, 1, None]}) == {"a": [left, 1, None]}
