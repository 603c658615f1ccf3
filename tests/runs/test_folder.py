"""The run folder: made once, found again, never mixed with another."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loratory.errors import RunError
from loratory.runs.folder import RunFolder


def create(name: str, **where: Path) -> RunFolder:
    """Begin a run, as far as its recipe, and return its folder."""
    with RunFolder.begun(name, **where) as run:
        run.recipe.touch()
        return run


def test_a_new_run_is_named_after_its_recipe_and_the_time(tmp_path):
    run = create("quickstart", parent=tmp_path / "runs")
    assert re.fullmatch(r"quickstart-\d{8}-\d{6}", run.path.name)
    assert run.path.parent == tmp_path / "runs"


@pytest.mark.parametrize(
    ("name", "plain"),
    [("my recipe (1)", "my-recipe-1"), ("../../etc", "etc"), ("---", "run"), ("x" * 300, "x" * 64)],
)
def test_any_name_becomes_a_plain_folder_name(tmp_path, name, plain):
    run = create(name, parent=tmp_path)
    assert run.path.parent == tmp_path
    assert re.fullmatch(rf"{plain}-\d{{8}}-\d{{6}}", run.path.name)


def test_simultaneous_runs_get_folders_of_their_own(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: create("a", parent=tmp_path), range(40)))
    names = {run.path.name for run in runs}
    assert len(names) == 40
    assert any(re.fullmatch(r"a-\d{8}-\d{6}-2", name) for name in names)


def test_a_given_folder_is_the_run_itself(tmp_path):
    assert create("a", out=tmp_path / "deep" / "x").path == tmp_path / "deep" / "x"
    (tmp_path / "empty").mkdir()
    assert create("a", out=tmp_path / "empty").path == tmp_path / "empty"


@pytest.mark.parametrize("content", ["a file", "a run", "is a file"])
def test_a_given_folder_that_holds_something_is_refused_untouched(tmp_path, content):
    out = tmp_path / "out"
    if content == "is a file":
        out.write_text("mine")
    elif content == "a run":
        create("a", out=out)
    else:
        out.mkdir()
        (out / "mine").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=f"RUN-EXISTS.*at {out}") as caught:
        create("b", out=out)
    assert caught.value.exit_code == 4
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("left", [[], ["environment.json"], ["shown.json", "recipe.yaml.new"]])
def test_what_a_kill_left_before_there_was_a_recipe_is_taken_over(tmp_path, left):
    with RunFolder.begun("a", out=tmp_path / "x") as run:
        for name in left:
            (run.path / name).touch()
    assert create("b", out=tmp_path / "x").recipe.is_file()
    with pytest.raises(RunError, match="RUN-EXISTS"):
        create("c", out=tmp_path / "x")


@pytest.mark.parametrize("held", [["environment.json"], [".lock", "predictions/mine.jsonl"]])
def test_what_a_person_has_there_is_not(tmp_path, held):
    for path in (tmp_path / "x" / name for name in held):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(RunError, match="RUN-EXISTS"):
        create("b", out=tmp_path / "x")


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (["recipe.yaml"], "loratory train --resume"),
        (["sweep.yaml"], "loratory sweep --resume"),
        (["recipe.yaml", "search.yaml"], "loratory search --resume"),
    ],
)
def test_what_is_there_is_gone_on_with_by_its_own_command(tmp_path, files, command):
    for file in files:
        (tmp_path / file).touch()
    with pytest.raises(RunError, match="RUN-EXISTS") as caught:
        create("a", out=tmp_path)
    assert f"`{command} {tmp_path}`" in caught.value.fix


def test_of_simultaneous_starts_in_one_folder_one_passes(tmp_path):
    def start(out: Path) -> bool:
        try:
            create("a", out=out)
        except RunError as error:
            return error.code not in {"RUN-EXISTS", "RUN-LOCK"}
        return True

    with ThreadPoolExecutor(4) as pool:
        for number in range(50):
            assert sum(pool.map(start, [tmp_path / f"{number}"] * 4)) == 1


def test_a_given_folder_with_an_active_run_names_its_owner(tmp_path):
    run = create("a", out=tmp_path / "x")
    with run.owned(), pytest.raises(RunError, match=r"RUN-LOCK.*run x is active \(pid \d+"):
        create("b", out=tmp_path / "x")


def test_an_existing_run_is_opened_with_the_paths_it_was_made_with(tmp_path):
    run = create("a", parent=tmp_path)
    again = RunFolder.open(run.path)
    assert again == run
    files = [again.recipe, again.environment, again.log, again.result, again.predictions("test")]
    folders = [again.adapter, again.best, again.last, again.plots, again.report]
    assert [path.relative_to(run.path).as_posix() for path in files + folders] == [
        "recipe.yaml",
        "environment.json",
        "log.jsonl",
        "result.json",
        "predictions/test.jsonl",
        "adapter",
        "best",
        "last",
        "plots",
        "report.html",
    ]


def test_a_new_run_has_room_for_its_predictions_and_plots(tmp_path):
    run = create("a", parent=tmp_path)
    run.predictions("validation").write_text("")
    (run.plots / "loss.png").write_bytes(b"")


def test_a_folder_that_is_no_run_says_what_it_lacks(tmp_path):
    with pytest.raises(RunError, match=r"RUN-FOLDER.*it has no recipe.yaml") as caught:
        RunFolder.open(tmp_path)
    assert caught.value.exit_code == 4
    with pytest.raises(RunError, match=r"RUN-FOLDER.*there is no such folder"):
        RunFolder.open(tmp_path / "missing")


def test_a_name_that_no_folder_can_have_is_told(tmp_path):
    with pytest.raises(RunError, match=r"RUN-IO.*File name too long"):
        RunFolder.open(tmp_path / ("x" * 300))


def test_a_misspelt_run_is_answered_with_the_nearest_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = create("quickstart")
    create("cola-lora")
    misspelt = run.path.name.replace("quick", "qiuck")
    for path in (Path(misspelt), Path("runs") / misspelt):
        with pytest.raises(RunError) as caught:
            RunFolder.open(path)
        assert caught.value.fix == f"did you mean {run.path}?"
