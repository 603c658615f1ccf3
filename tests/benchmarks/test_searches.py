"""What is kept of a search: what was chosen beside other runs of its rows, why, and no path."""

import json

import pytest

from benchmarks.searches import keep_search, section
from loratory import pipeline
from loratory.errors import RunError
from loratory.recipe.load import load_recipe
from loratory.runs.json_files import read_json, write_json


@pytest.fixture
def searched(film_run, tmp_path):
    """Return the folder of a search that chose `film_run`."""
    folder = tmp_path / "search"
    folder.mkdir()
    (folder / "search.yaml").write_text("name: x\n")
    write_json(folder / "search.json", {"budget": 120.0, "spent": 61.0, "rounds": []})
    metrics = read_json(film_run / "result.json")["evaluation"]["validation"]["metrics"]
    best = {"value": metrics["accuracy"], "spread": None, "runs": [str(film_run)], "settings": {}}
    baselines = [{"name": "majority class", "metrics": {"accuracy": 0.5}}]
    found = {"metric": "accuracy", "best": best, "baselines": baselines, "seconds": 61.0}
    write_json(folder / "result.json", found | {"reasons": ["it is the best"], "trials": [{}] * 3})
    return folder


def test_the_page_says_what_was_chosen_beside_what_and_why(searched, film_run, tmp_path):
    kept = keep_search(searched, "films", [film_run], kept=tmp_path / "kept")
    assert str(tmp_path) not in kept.read_text()
    assert json.loads(kept.read_text())["trials"] == 3
    accuracy = read_json(film_run / "result.json")["evaluation"]["validation"]["metrics"][
        "accuracy"
    ]
    page = section(tmp_path / "kept")
    assert "### films" in page
    assert "22 training and 9 validation rows; a budget of 2 minutes, done after 1.0: 3" in page
    assert f"| **chosen** | 1 | {accuracy:.4f} |" in page
    assert f" | 1 | {accuracy:.4f} |\n| majority class | - | 0.5000 |" in page
    assert "- it is the best" in page


def test_without_searches_there_is_no_section(tmp_path):
    assert section(tmp_path) == ""


def test_a_search_that_goes_on_is_not_kept(searched, tmp_path):
    (searched / "result.json").unlink()
    with pytest.raises(RunError, match="RUN-UNFINISHED"):
        keep_search(searched, "films", kept=tmp_path / "kept")


def test_a_run_on_other_rows_does_not_stand_beside_it(searched, film_recipe, tmp_path):
    recipe = load_recipe(film_recipe, ["data.limit.train=8", "training.epochs=1"])
    other = pipeline.train(recipe, out=tmp_path / "other").path
    with pytest.raises(RunError, match=r"RUN-MISMATCH.*train data"):
        keep_search(searched, "films", [other], kept=tmp_path / "kept")
