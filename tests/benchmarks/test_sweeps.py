"""What is kept of a sweep: its table, its pictures, no path, and a page that shows them."""

import json
import shutil

import pytest

from benchmarks.sweeps import keep_sweep, tables
from loratory.errors import RunError
from loratory.experiments.sweep import sweep
from loratory.recipe.load import load_recipe


@pytest.fixture(scope="module")
def swept(film_recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    short = film_recipe.read_text().replace("epochs: 2", "epochs: 1")
    (folder / "ranks.yaml").write_text(f"{short}sweep:\n  values: {{method.r: [2, 4]}}\n")
    return sweep(load_recipe(folder / "ranks.yaml"), out=folder / "sweep")


def test_the_page_shows_every_point_best_first_with_both_pictures(swept, tmp_path):
    kept = keep_sweep(swept.path, kept=tmp_path / "sweeps")
    assert kept.name == "ranks.json"
    assert str(tmp_path) not in kept.read_text()
    page = tables(tmp_path / "sweeps")
    assert "22 training rows, 6 steps, accuracy on 9 validation rows; seeds 0; cpu, float32" in page
    cells = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert {row[0] for row in cells} == {"| `2`", "| `4`"}
    for row, found in zip(cells, swept.result["table"], strict=True):
        assert row[1] == f"{found['value']:.3f}"
    for picture in ("validation_loss", "gradient_flow"):
        assert f"(runs/sweeps/ranks-{picture}.png)" in page
        assert (tmp_path / "sweeps" / f"ranks-{picture}.png").stat().st_size > 1000


def test_the_page_says_what_was_changed_of_the_recipe(swept, tmp_path):
    kept = keep_sweep(swept.path, kept=tmp_path / "sweeps")
    found = json.loads(kept.read_text())
    assert found["recipe"]["sweep"]["values"] == {"method.r": [2, 4]}
    assert " By a recipe that does not come with Loratory." in tables(kept.parent)
    name, changes = "sweeps/rotten_tomatoes_alpha", ["data.limit.train=22", "sweep.seeds=[0]"]
    found["recipe"] = load_recipe(name, changes).model_dump(mode="json")
    kept.write_text(json.dumps(found))
    command = f"`loratory sweep {name} data.limit.train=22 'sweep.seeds=[0]'`"
    assert f" By {command}." in tables(kept.parent)
    del found["recipe"]
    kept.write_text(json.dumps(found))
    assert " What was changed of the recipe, but for the rows, was not kept." in tables(kept.parent)


def test_a_sweep_of_which_nothing_has_finished_is_refused(swept, tmp_path):
    shutil.copytree(swept.path, tmp_path / "copy")
    result = tmp_path / "copy" / "result.json"
    result.write_text(result.read_text().replace('"finished"', '"unfinished"'))
    with pytest.raises(RunError, match="RUN-UNFINISHED"):
        keep_sweep(tmp_path / "copy", kept=tmp_path / "sweeps")
