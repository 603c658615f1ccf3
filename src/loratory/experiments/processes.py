"""Several workers on one machine: processes over the same sweep folder.

    python -m loratory.experiments.processes '[FOLDER, LIMITS, DESCRIPTOR]'

A worker's standard input says whether the sweep is still wanted: it stops, and saves, when the
other end is closed, also by the death of whoever held it. A terminal's Ctrl-C does not reach it: it
has a session of its own. The error that it ends with it writes to the descriptor of an open file;
what libraries print is none of that.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from loratory.errors import LoratoryError, RunError, RunInterruptedError
from loratory.experiments.study import is_over, planned_of
from loratory.experiments.worker import Limits, Say, Sweep, silent, stopped, work
from loratory.train.stop import stop_signals

_LOOK = 0.2  # seconds between looks at the journal


def work_in_processes(sweep: Sweep, limits: Limits, workers: int, say: Say) -> None:
    """Let several processes do the sweep's trials, and tell of each that begins and ends.

    Raises:
        RunInterruptedError: a signal asked to stop; everything is saved.
        RunError: RUN-WORKER, when a worker fails.
    """
    with stop_signals() as stop_asked, ExitStack() as stack:
        held = [_begun(sweep.folder.path, limits, stack) for _ in range(workers)]
        try:
            follow(
                sweep,
                say,
                lambda: any(one.process.poll() is None for one in held) and not stop_asked(),
            )
        finally:
            for one in held:
                assert one.process.stdin is not None
                one.process.stdin.close()
            failures = [one.failure(stop_asked) for one in held]
        raise_first(failures, sweep)
        if stop_asked():
            raise stopped()


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    told: IO[bytes]
    """Where it writes its error."""

    def failure(self, stop_asked: Callable[[], bool]) -> dict[str, Any] | None:
        """Wait for its end and return the error it ended with, also where it could not say one."""
        code = self.process.wait()
        self.told.seek(0)
        if text := self.told.read():
            told: dict[str, Any] = json.loads(text)
            return told
        return crashed(f"exit code {code}") if code and not stop_asked() else None


def _begun(folder: Path, limits: Limits, stack: ExitStack) -> _Worker:
    told = stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
    given = json.dumps([str(folder), asdict(limits), told.fileno()])
    process = subprocess.Popen(
        [sys.executable, "-m", "loratory.experiments.processes", given],
        stdin=subprocess.PIPE,
        stdout=2,  # what a library prints belongs on the screen, and not into what the sweep says
        pass_fds=[told.fileno()],
        start_new_session=True,
    )
    return _Worker(stack.enter_context(process), told)


def follow(sweep: Sweep, say: Say, going_on: Callable[[], bool]) -> None:
    """Tell of the trials that others begin and end, for as long as they go on."""
    begun = {trial.number for trial in sweep.study.trials() if is_over(trial)}
    ended = set(begun)
    while True:
        last = not going_on()
        for trial in sweep.study.trials():
            planned = planned_of(trial)
            if trial.number not in begun:
                begun.add(trial.number)
                say("trial_begins", **planned._asdict())
            if is_over(trial) and trial.number not in ended:
                ended.add(trial.number)
                outcome = sweep.trial(planned).outcome()
                seconds = trial.user_attrs["seconds"]
                say("trial_ends", **planned._asdict(), **vars(outcome), seconds=seconds)
        if last:
            return
        time.sleep(_LOOK)


def crashed(how: str) -> dict[str, Any]:
    """Return the end of a worker that could not tell of an error itself."""
    fix = "go on with --resume; where memory ran out, with fewer --workers"
    return {"code": "RUN-WORKER", "headline": how, "fix": fix}


def failure(error: LoratoryError) -> dict[str, Any]:
    """Return an error as a worker tells it."""
    return {"code": error.code, "headline": error.headline, "fix": error.fix}


def raise_first(failures: Sequence[dict[str, Any] | None], sweep: Sweep) -> None:
    """Raise the first of the workers' errors, if there is one.

    Raises:
        RunInterruptedError: it was asked to stop.
        RunError: RUN-WORKER, whatever else it was.
    """
    for told in filter(None, failures):
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
    folder, limits, told = json.loads(sys.argv[1])
    unwanted = threading.Event()

    def listen() -> None:
        while os.read(0, 1):
            pass
        unwanted.set()

    threading.Thread(target=listen, daemon=True).start()

    try:
        work(Path(folder), Limits(**limits), silent, stop=unwanted.is_set)
    except LoratoryError as error:
        os.write(told, json.dumps(failure(error)).encode())
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
