"""Several workers on one machine: processes over the same sweep folder.

    python -m loratory.experiments.processes FOLDER UNTIL TRIALS THREADS

A worker's standard input says whether the sweep is still wanted: it stops, and saves, when the
other end is closed, also by the death of whoever held it.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loratory.errors import LoratoryError, RunError, RunInterruptedError
from loratory.experiments.study import planned_of
from loratory.experiments.worker import Limits, Say, Sweep, silent, work
from loratory.train.stop import stop_signals

_LOOK = 0.2  # seconds between looks at the journal


def work_in_processes(sweep: Sweep, limits: Limits, workers: int, say: Say) -> None:
    """Let several processes do the sweep's trials, and tell of each that begins and ends.

    Raises:
        RunInterruptedError: a signal asked to stop; everything is saved.
        RunError: RUN-WORKER, when a worker fails.
    """
    given = json.dumps([str(sweep.folder.path), asdict(limits)])
    command = [sys.executable, "-m", "loratory.experiments.processes", given]
    pipe = subprocess.PIPE
    with stop_signals() as stop_asked, ExitStack() as stack:
        held = [
            stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
            for _ in range(workers)
        ]
        try:
            follow(sweep, say, lambda: any(one.poll() is None for one in held) and not stop_asked())
        finally:
            for one in held:
                assert one.stdin is not None
                one.stdin.close()
            said = [one.stdout.read() for one in held if one.stdout is not None]
        raise_first([json.loads(text) for text in said if text], sweep)
        if stop_asked():
            raise RunInterruptedError("RUN-STOPPED", "stopped as asked", fix="go on with --resume")


def follow(sweep: Sweep, say: Say, going_on: Callable[[], bool]) -> None:
    """Tell of the trials that others begin and end, for as long as they go on."""
    begun = {trial.number for trial in sweep.study.trials() if trial.state.is_finished()}
    ended = set(begun)
    while True:
        last = not going_on()
        for trial in sweep.study.trials():
            planned = planned_of(trial)
            if trial.number not in begun:
                begun.add(trial.number)
                say("trial_begins", **planned._asdict())
            if trial.state.is_finished() and trial.number not in ended:
                ended.add(trial.number)
                outcome = sweep.trial(planned).outcome()
                seconds = trial.user_attrs["seconds"]
                say("trial_ends", **planned._asdict(), **vars(outcome), seconds=seconds)
        if last:
            return
        time.sleep(_LOOK)


def failure(error: LoratoryError) -> dict[str, Any]:
    """Return an error as a worker tells it."""
    return {"code": error.code, "headline": error.headline, "fix": error.fix}


def raise_first(failures: list[dict[str, Any]], sweep: Sweep) -> None:
    """Raise the first of the workers' errors.

    Raises:
        RunInterruptedError: it was asked to stop.
        RunError: RUN-WORKER, whatever else it was.
    """
    for told in failures:
        if told["code"] == "RUN-STOPPED":
            raise RunInterruptedError(told["code"], told["headline"], fix=told["fix"])
        raise RunError(
            "RUN-WORKER",
            f"a worker ended with {told['headline']}",
            at=str(sweep.folder.path),
            fix=told["fix"],
        )


def main() -> None:
    """Be a worker."""
    folder, limits = json.loads(sys.argv[1])
    unwanted = threading.Event()

    def listen() -> None:
        while os.read(0, 1):
            pass
        unwanted.set()

    threading.Thread(target=listen, daemon=True).start()

    try:
        work(Path(folder), Limits(**limits), silent, stop=unwanted.is_set)
    except LoratoryError as error:
        sys.stdout.write(json.dumps(failure(error)))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
