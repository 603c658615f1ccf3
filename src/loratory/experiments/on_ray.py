"""Workers on the machines of a Ray cluster, over a sweep folder that all of them can reach.

Ray says where workers run, and no more: which trial is whose, and what is done, is kept by the
folder's journal and locks as on one machine. The folder must lie on a disk that every machine
mounts under the same path, with locks that work across machines (NFS 4 does).
"""

from pathlib import Path
from typing import Any

from loratory.errors import ConfigError, LoratoryError
from loratory.experiments.processes import crashed, failure, follow, raise_first
from loratory.experiments.worker import Limits, Say, Sweep, silent, stopped, work
from loratory.train.stop import stop_signals


def work_on_ray(sweep: Sweep, limits: Limits, workers: int, say: Say) -> None:
    """Let workers on the cluster do the sweep's trials, and tell of each that begins and ends.

    The cluster is the one that RAY_ADDRESS names, or this machine alone. Each worker takes as many
    processors as its trials have threads, and GPUs in equal shares.

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
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        threads = max(1, int(resources.get("CPU", 1)) // workers)
        own = Limits(limits.until, limits.trials, threads)
        task = ray.remote(
            num_cpus=threads,
            num_gpus=resources.get("GPU", 0) / workers,
            scheduling_strategy="SPREAD",
            max_retries=0,
        )(_work)
        waiting = [task.remote(str(sweep.folder.path), own) for _ in range(workers)]

        _followed(sweep, say, waiting)
    finally:
        if began:
            ray.shutdown()


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
