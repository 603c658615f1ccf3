"""Workers on the machines of a Ray cluster, over a sweep folder that all of them can reach.

Ray says where workers run, and no more: which trial is whose, and what is done, is kept by the
folder's journal and locks as on one machine. The folder must lie on a disk that every machine
mounts under the same path, with locks that work across machines (NFS 4 does).
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from loratory.errors import ConfigError, LoratoryError
from loratory.experiments.processes import crashed, failure, follow, raise_first
from loratory.experiments.worker import Limits, Say, Sweep, silent, stopped, work
from loratory.train.stop import stop_signals

# Ray counts in these parts of a GPU, and rounds: the shares of one must not add up to more.
_PARTS = 10_000


class Machine(NamedTuple):
    """What a machine of the cluster has."""

    processors: int
    gpus: int


def work_on_ray(sweep: Sweep, limits: Limits, workers: int | None, say: Say) -> None:
    """Let workers on the cluster do the sweep's trials, and tell of each that begins and ends.

    The cluster is the one that RAY_ADDRESS names, or this machine alone. Absent a number there are
    as many workers as GPUs or, where there are none, machines. Each takes as many processors as its
    trials have threads.

    Raises:
        ConfigError: CFG-EXTRA, when Ray is not installed.
        RunInterruptedError, RunError: as `work_in_processes`.
    """
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "CFG-EXTRA",
            "Ray is not installed",
            at="--on ray",
            fix="pip install 'loratory[ray]'",
        ) from None
    began = not ray.is_initialized()
    if began:
        ray.init(include_dashboard=False, log_to_driver=False)
    try:
        machines = _machines(ray.nodes())  # type: ignore[no-untyped-call]
        workers = workers or sum(one.gpus for one in machines) or len(machines) or 1
        threads, gpu = share(machines, workers)
        own = Limits(limits.until, limits.trials, threads)
        task = ray.remote(
            num_cpus=threads,
            num_gpus=gpu,
            scheduling_strategy="SPREAD",
            max_retries=0,
        )(_work)
        waiting = [task.remote(str(sweep.folder.path), own) for _ in range(workers)]

        _followed(sweep, say, waiting)
    finally:
        if began:
            ray.shutdown()


def _machines(nodes: Sequence[dict[str, Any]]) -> list[Machine]:
    """Return the machines that can work, of all that Ray knows."""
    held = [node["Resources"] for node in nodes if node["Alive"]]
    machines = [Machine(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in held]
    return [machine for machine in machines if machine.processors]


def share(machines: Sequence[Machine], workers: int) -> tuple[int, float]:
    """Return the threads of each worker, and the GPU or the part of one that it takes.

    They are the most with which all workers find room at once, each on a machine with a GPU where
    there are any: a trial trains on one.
    """
    gpus = sum(one.gpus for one in machines)
    on_each = ceil(workers / gpus) if gpus else 0

    def room(threads: int) -> int:
        places = [(one.processors // threads, one.gpus * on_each) for one in machines]
        return sum(min(place) if gpus else place[0] for place in places)

    most = max((one.processors for one in machines), default=1)
    threads = next((count for count in range(most, 1, -1) if room(count) >= workers), 1)
    return threads, _PARTS // on_each / _PARTS if gpus else 0


def _followed(sweep: Sweep, say: Say, workers: list[Any]) -> None:
    """Tell of what the workers do until the last has ended; asked to stop, tell them so first."""
    import ray

    def going_on() -> bool:
        _, left = ray.wait(workers, num_returns=len(workers), timeout=0)
        return bool(left)

    def failure_of(worker: Any) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] | None = ray.get(worker)
        except ray.exceptions.RayError as error:
            return None if stop_asked() else crashed(type(error).__name__)
        return told

    with stop_signals() as stop_asked:
        follow(sweep, say, lambda: going_on() and not stop_asked())
        if stop_asked():
            for worker in workers:
                ray.cancel(worker)
        raise_first([failure_of(worker) for worker in workers], sweep)
        if stop_asked():
            raise stopped()


def _work(folder: str, limits: Limits) -> dict[str, Any] | None:
    """Be a worker; return the error that it ended with, for Ray could not carry it."""
    try:
        work(Path(folder), limits, silent)
    except LoratoryError as error:
        return failure(error)
    return None
