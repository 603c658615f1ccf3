"""Paths that hold from anywhere, wherever a recipe names them."""

import pytest

from loratory.recipe.lasting import lasting
from loratory.recipe.load import dump_written, load_recipe

RECIPE = """\
name: films
base: {base}
data: {{train: films.csv, validation: ../held-out.csv}}
method: {{kind: peft, folder: adapter}}
distillation: {{teacher: teacher, extra: more.txt}}
track: {{folder: trackers}}
"""
SWEEP = """\
  kind: points
  points:
    - {data.train: other.csv, data.text: films.csv}
    - {data: {train: third.csv}, base: student, method.folder: adapter}
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return the function that loads a recipe with these words at its end, in a folder of bases."""
    monkeypatch.chdir(tmp_path)
    for folder in ("teacher", "student"):
        (tmp_path / folder).mkdir()

    def load(base, more=""):
        (tmp_path / "films.yaml").write_text(RECIPE.format(base=base) + more)
        return load_recipe("films.yaml")

    return load


def test_every_path_of_a_run_holds_from_anywhere(written, tmp_path):
    recipe = lasting(written("student"))
    assert recipe.base == str(tmp_path / "student")
    assert recipe.data.train == str(tmp_path / "films.csv")
    assert recipe.data.validation == str(tmp_path.parent / "held-out.csv")
    assert recipe.method.folder == str(tmp_path / "adapter")
    assert recipe.distillation.teacher == str(tmp_path / "teacher")
    assert recipe.distillation.extra == str(tmp_path / "more.txt")
    assert recipe.track.folder == str(tmp_path / "trackers")


def test_the_tokenizer_of_a_new_network_is_found_from_anywhere(written, tmp_path):
    written("student")
    (tmp_path / "films.yaml").write_text("base: {kind: recurrent, tokenizer: student}\n")
    recipe = load_recipe("films.yaml", {"data.train": "films.csv", "method.kind": "full"})
    assert lasting(recipe).base.tokenizer == str(tmp_path / "student")


def test_a_name_that_is_no_folder_stays_a_name(written):
    recipe = written("gpt2-large")
    assert lasting(recipe).base == "gpt2-large"


def test_what_was_not_written_stays_unwritten(written):
    recipe = lasting(written("student"))
    assert lasting(recipe) == recipe
    assert dump_written(recipe).count("\n") == dump_written(written("student")).count("\n")


def test_paths_that_are_swept_hold_from_anywhere(written, tmp_path):
    recipe = lasting(written("student", f"sweep:\n{SWEEP}"))
    assert recipe.sweep.points == (
        {"data.train": str(tmp_path / "other.csv"), "data.text": "films.csv"},
        {
            "data": {"train": str(tmp_path / "third.csv")},
            "base": str(tmp_path / "student"),
            "method.folder": str(tmp_path / "adapter"),
        },
    )
    assert load_recipe(tmp_path / "films.yaml").sweep.points[0]["data.train"] == "other.csv"
