"""MLflow's database, read back by MLflow: what the log says, each number once."""

import pytest

from loratory.track.mlflow_run import MlflowRun
from loratory.track.points import RunCard

pytest.importorskip("mlflow")
# MLflow takes seconds to make the tables of a new database.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def read(folder, project="loratory"):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name(project)
    (run,) = client.search_runs([experiment.experiment_id])
    metrics = [
        ((name, metric.step), metric.value)
        for name in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, name)
    ]
    assert len(metrics) == len({key for key, _ in metrics}), "a number stands there twice"
    return run, dict(metrics)


def test_a_run_killed_twice_has_no_gap_and_no_double(mirrored):
    killed = mirrored("mlflow")
    run, found = read(killed.tracked)
    steps = {key: value for key, value in found.items() if not key[0].startswith("result/")}
    assert steps == killed.numbers
    assert found["result/accuracy", 12] == killed.numbers["test/accuracy", 12]
    assert (run.info.status, run.info.run_name) == ("FINISHED", killed.folder.path.name)
    assert run.data.params["method.r"] == "4"
    assert len(run.data.tags["digest.base"]) == 64
    assert run.data.tags["loratory.group"] == "reviews"


def test_a_setting_that_is_cut_is_said_to_be(tmp_path):
    config = {"task": {"template": "w" * 7000}, "seed": 0}
    MlflowRun(RunCard("long", "id", "loratory", None, tmp_path, config, {})).finish({})
    run, _ = read(tmp_path)
    assert run.data.params["task.template"] == "w" * 6000
    cut = {name: said for name, said in run.data.tags.items() if name.startswith("cut.")}
    assert cut == {"cut.task.template": "the first 6,000 of 7,000 characters"}
