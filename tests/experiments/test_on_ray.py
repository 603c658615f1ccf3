"""A sweep on a Ray cluster: two nodes, here both on one machine, over one sweep folder."""

import json
import os
import signal

import pytest

from loratory.errors import RunError, RunInterruptedError
from loratory.experiments.on_ray import Machine, _followed, share
from loratory.experiments.sweep import Effort, sweep
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Sweep, silent
from loratory.recipe.load import load_recipe
from loratory.runs.log import read_events

TRIAL_BEGUN = 4  # Optuna's number for it


@pytest.mark.parametrize(
    ("machines", "workers", "threads", "gpu"),
    [
        ([(4, 0), (4, 0)], 1, 4, 0),
        ([(4, 0), (4, 0)], 2, 4, 0),
        ([(3, 0), (3, 0)], 3, 1, 0),
        ([(2, 0)], 5, 1, 0),
        ([(16, 4)], 3, 5, 1),
        ([(16, 4)], 1, 16, 1),
        ([(64, 0), (8, 1), (8, 1)], 2, 8, 1),
        ([(12, 1), (12, 1)], 3, 6, 0.5),
        ([(12, 1)], 6, 2, 0.1666),
    ],
)
def test_every_worker_fits_a_machine_and_has_one_gpu_or_part_of_one(
    machines, workers, threads, gpu
):
    assert share([Machine(*one) for one in machines], workers) == (threads, gpu)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # Ray's own, of sockets and of its future
def test_two_nodes_share_the_trials_and_do_each_once(sweep_recipe, tmp_path):
    import ray
    from ray.cluster_utils import Cluster

    recipe = load_recipe(sweep_recipe("  values: {method.r: [2, 4, 6, 8]}\n", "ray"))
    alone = sweep(recipe, out=tmp_path / "alone").result
    memory = 100 * 2**20
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": memory}
    )
    try:
        cluster.add_node(num_cpus=1, object_store_memory=memory)
        ray.init(address=cluster.address, log_to_driver=False)
        shared = sweep(recipe, out=tmp_path / "shared", effort=Effort(workers=2, on="ray")).result
    finally:
        ray.shutdown()
        cluster.shutdown()

    def values(result):
        return [(trial["settings"], trial["value"], trial["state"]) for trial in result["trials"]]

    assert values(shared) == values(alone)
    for trial in shared["trials"]:
        run = tmp_path / "shared" / trial["run"]
        steps = [e["step"] for e in read_events(run / "log.jsonl") if e["event"] == "step"]
        assert steps == [1, 2, 3, 4, 5, 6]
    # Each worker takes the one processor of a node, so two workers are two nodes.
    journal = (tmp_path / "shared" / "journal.log").read_text().splitlines()
    entries = [json.loads(line) for line in journal]
    assert len({e["worker_id"] for e in entries if e["op_code"] == TRIAL_BEGUN}) == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_dies_is_told_and_one_that_is_asked_to_stop_saves_first(
    film_sweep, sweep_recipe, tmp_path
):
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        state = Sweep(SweepFolder.open(film_sweep.path))
        dies = ray.remote(max_retries=0)(lambda: os._exit(1))
        with pytest.raises(RunError, match="RUN-WORKER"):
            _followed(state, silent, [dies.remote()])

        def interrupt(event, /, **_):
            if event == "trial_begins":
                os.kill(os.getpid(), signal.SIGINT)

        recipe = load_recipe(sweep_recipe("  values: {method.r: [2, 4]}\n", "stopped"))
        with pytest.raises(RunInterruptedError, match="--resume"):
            sweep(recipe, out=tmp_path / "sweep", effort=Effort(on="ray"), say=interrupt)
    finally:
        ray.shutdown()
    assert (tmp_path / "sweep" / "result.json").is_file()
