"""The command line from outside: refusals that must leave nothing, and processes to end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

# Has imported what a run needs, and then becomes `loratory ARGUMENTS` once for every line it reads:
# a process of its own, from the first argument to its exit, without five seconds of imports.
SERVER = """
import json, os, sys, traceback
import loratory.pipeline, loratory.cli.main, loratory.cli.predict
import matplotlib.backends.backend_agg, sklearn.linear_model

for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    code = 1
    try:
        for number, name in enumerate(job["files"]):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
        sys.argv = ["loratory", *job["arguments"]]
        loratory.cli.main.main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
"""


class Ended(NamedTuple):
    """How a process ended (minus the signal's number, if one ended it) and what it had said."""

    code: int
    out: str
    err: str
    seconds: float


class ForkedProcess:
    """`loratory ARGUMENTS`, begun by the server."""

    def __init__(self, server: subprocess.Popen, folder: Path, arguments: list[str]) -> None:
        self.server, self.start = server, time.monotonic()
        self.out, self.err = folder / "out", folder / "err"
        for path in (self.out, self.err):
            path.write_text("")
        job = {"arguments": arguments, "files": ["/dev/null", str(self.out), str(self.err)]}
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())

    def send(self, number: int) -> None:
        """Send a signal; signal 0 only asks whether the process is there."""
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        code = int(self.server.stdout.readline())
        seconds = time.monotonic() - self.start
        return Ended(code, self.out.read_text(), self.err.read_text(), seconds)


class FreshProcess:
    """`python -m loratory ARGUMENTS`, begun from nothing."""

    def __init__(self, arguments: list[str]) -> None:
        pipe, command = subprocess.PIPE, [sys.executable, "-m", "loratory", *arguments]
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )

    def send(self, number: int) -> None:
        """Send a signal; signal 0 only asks whether the process is there."""
        if self.process.poll() is not None:
            raise ProcessLookupError
        self.process.send_signal(number)

    def wait(self) -> Ended:
        out, err = self.process.communicate()
        return Ended(self.process.returncode, out, err, time.monotonic() - self.start)


@pytest.fixture(scope="session")
def server():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def begin(server, tmp_path):
    """Return a function that begins `loratory ARGUMENTS` as a process, and returns it."""
    return lambda *arguments: ForkedProcess(server, tmp_path, [*map(str, arguments)])


@pytest.fixture
def begin_fresh():
    """Return what `begin` returns, with every import made anew."""
    return lambda *arguments: FreshProcess([*map(str, arguments)])


@pytest.fixture
def signalled():
    """Return a function that sends a signal once a condition holds, and waits for the end."""

    def send(process, number, when):
        with suppress(ProcessLookupError):
            while not when():
                process.send(0)
                time.sleep(0.002)
            process.send(number)
        return process.wait()

    return send


@pytest.fixture
def killed(signalled):
    """Return a function that kills a process, once a condition holds, before it can do a thing."""
    return lambda process, when: signalled(process, signal.SIGKILL, when)


class Refusal(NamedTuple):
    """What a person reads: the two lines, and the code between the brackets."""

    exit_code: int
    code: str
    headline: str
    fix: str


@pytest.fixture
def refused(loratory, tmp_path, monkeypatch):
    """Return a function that runs a command that must refuse, and must leave no trace."""
    monkeypatch.chdir(tmp_path)

    def refuse(*arguments):
        before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
        ran = loratory(*arguments)
        assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        assert ran.out == ""
        headline, fix = ran.err.splitlines()
        found = re.fullmatch(r"error\[([A-Z]+-[A-Z]+)\]: .+, at .+", headline)
        assert found, headline
        assert re.fullmatch("fix: .+", fix), fix
        return Refusal(ran.code, found[1], headline, fix)

    return refuse
