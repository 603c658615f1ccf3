"""The page of results: made of summaries alone, and the one in docs/ is what they make now."""

import copy
import json
import re

import pytest

from benchmarks.keep import keep
from benchmarks.results import KEPT, PAGE, PUBLISHED, SHOWN, page, read_runs
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import TASKS
from loratory.recipe.shipped import shipped_recipes


@pytest.fixture
def kept(film_run, tmp_path):
    """Return a function that keeps the run with changes as one more summary, and the folder."""
    summary = json.loads(keep(film_run, kept=tmp_path / "first").read_text())
    folder = tmp_path / "kept"
    folder.mkdir()

    def change(**parts):
        changed = copy.deepcopy(summary)
        for part, values in parts.items():
            changed[part] |= values
        (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(changed))
        return folder

    return change


def rows_of(text, heading):
    """Return the tables' rows that begin with a recipe, as lists of cells, after a heading."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|") and "films" in line]
    return [row.strip("| ").split(" | ") for row in rows]


def test_docs_hold_the_page_that_their_summaries_make():
    assert PAGE.read_text(encoding="utf-8") == page(read_runs())


def test_every_kept_run_is_on_the_page():
    assert KEPT.is_dir()
    runs = read_runs()
    assert runs
    text = page(runs)
    assert all(f"| {run.name} | {run.base} |" in text for run in runs)


def test_the_pages_say_which_published_recipes_and_sweeps_have_results():
    readme = (KEPT.parent.parent / "README.md").read_text(encoding="utf-8")
    told = readme.partition("[docs/results.md]")[2].partition("\n\n")[0]
    assert PUBLISHED.keys() & {run.name for run in read_runs()} == set(re.findall("`(.+?)`", told))
    guide = (KEPT.parent / "sweeps.md").read_text(encoding="utf-8")
    told = guide.partition("(results.md#sweeps)")[2].partition(";")[0]
    kept = {path.stem for path in (KEPT / "sweeps").glob("*.json")}
    assert kept == set(re.findall("`(.+?)`", told))


def test_no_summary_holds_a_folder_of_a_machine():
    absolute = re.compile(r'(?<![\w.~/:*)])/\w[^"\s/]*/')
    texts = {path.name: path.read_text(encoding="utf-8") for path in KEPT.glob("*.json")}
    assert not [name for name, text in texts.items() if absolute.search(text)]


def test_seeds_share_a_row_with_mean_and_spread(kept):
    for seed, accuracy in enumerate((0.5, 0.7)):
        metrics = {"accuracy": accuracy, "matthews_correlation": 0.0}
        intervals = dict.fromkeys(metrics, (0.25, 0.75))
        changes = {"seed": seed, "metrics": metrics, "intervals": intervals}
        folder = kept(result=changes, recipe={"seed": seed})
    accuracy, correlation, costs = rows_of(page(read_runs(folder)), "classify")
    assert accuracy[4:7] == [
        "accuracy",
        "0.600 ± 0.141",
        "0: 0.500 [0.250, 0.750], 1: 0.700 [0.250, 0.750]",
    ]
    assert correlation[4:6] == ["matthews_correlation", "0.000 ± 0.000"]
    assert {"LoRA r 4, alpha 16", "cpu", "float32"} <= set(costs)


def test_the_runs_of_a_row_share_what_was_changed_of_the_recipe(kept):
    recipe = load_recipe("quickstart", ["data.limit.train=22"]).model_dump(mode="json")
    kept(recipe=recipe)
    folder = kept(recipe=recipe | {"seed": 1}, result={"seed": 1})
    made = re.findall("^- .*", page(read_runs(folder)).split("## Methods")[0], re.MULTILINE)
    assert made == ["- quickstart: by `loratory train quickstart data.limit.train=22`"]


def test_other_settings_or_another_device_are_another_row(kept):
    kept()
    kept(recipe={"method": {"kind": "full"}})
    folder = kept(environment={"compute": {"device": "cuda", "precision": "bfloat16"}})
    cells = rows_of(page(read_runs(folder)), "classify")
    assert len([row for row in cells if row[4] == "accuracy"]) == 3


def test_rows_that_something_was_chosen_on_are_marked(kept):
    kept(result={"selected_on": "validation", "split": "validation"})
    folder = kept(result={"selected_on": "validation", "split": "test"})
    marked = {row[3] for row in rows_of(page(read_runs(folder)), "classify") if "rows" in row[3]}
    assert marked == {"9 validation rows†", "7 test rows"}


def test_every_task_has_metrics_to_show():
    assert SHOWN.keys() == TASKS.keys()


@pytest.mark.parametrize("task", SHOWN)
def test_each_task_shows_its_metrics_beside_baselines_and_published_figures(kept, task):
    metrics = dict.fromkeys(SHOWN[task], 0.25)
    found = {
        "task": task,
        "metrics": metrics,
        "intervals": dict.fromkeys(metrics, (0.125, 0.5)),
        "baselines": {"test": [{"name": "untuned base", "metrics": metrics, "intervals": {}}]},
    }
    folder = kept(result=found, recipe={"name": "films"})
    rows = rows_of(page(read_runs(folder)), task)[: len(metrics)]
    assert [row[4] for row in rows] == list(SHOWN[task])
    assert all(row[7].startswith("untuned base 0.25") for row in rows)
    assert all(row[8] == "none" for row in rows)


def test_a_published_figure_stands_beside_its_metric_and_says_what_differs(kept):
    folder = kept(recipe={"name": "cola-gpt2"})
    runs = page(read_runs(folder)).partition("## Methods on equal terms")[0]
    (line,) = [line for line in runs.splitlines() if "| accuracy |" in line]
    (figure,) = PUBLISHED["cola-gpt2"]
    assert line.endswith(f"| 0.797 ({figure.differs}) |")


def test_every_published_figure_belongs_to_a_recipe_of_that_folder():
    names = {name.removeprefix("published/") for name in shipped_recipes() if "published/" in name}
    assert names == PUBLISHED.keys()
    assert all(figure.differs for figures in PUBLISHED.values() for figure in figures)
