"""The lock: one owner, who is named to the others, and whose death frees the run."""

import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from loratory.errors import RunError
from loratory.runs.lock import owned, refuse_active

# Takes the lock of each folder it is told; says so, or why not; then waits before letting it go.
STARTER = """
import sys
from pathlib import Path
from loratory.errors import RunError
from loratory.runs.lock import owned

print("ready", flush=True)
for line in sys.stdin:
    try:
        with owned(Path(line.strip())):
            print("owner", flush=True)
            sys.stdin.readline()
    except RunError as error:
        print(error.exit_code, error.headline, flush=True)
        sys.stdin.readline()
"""


class Starter:
    """A process that takes locks when told to."""

    def __init__(self, stack: ExitStack) -> None:
        command = [sys.executable, "-c", STARTER]
        pipe = subprocess.PIPE
        self.process = stack.enter_context(
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        )
        stack.callback(self.process.kill)
        assert self.answer() == "ready"

    def tell(self, line: object) -> None:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        return self.process.stdout.readline().strip()


def test_of_four_simultaneous_starts_one_wins_and_the_others_name_it(tmp_path):
    with ExitStack() as stack:
        starters = [Starter(stack) for _ in range(4)]
        for number in range(50):
            folder = tmp_path / f"run-{number}"
            folder.mkdir()
            for starter in starters:
                starter.tell(folder)
            answers = {starter.process.pid: starter.answer() for starter in starters}
            for starter in starters:
                starter.tell("go on")
            owners = [pid for pid, answer in answers.items() if answer == "owner"]
            assert len(owners) == 1
            refusals = [answer for pid, answer in answers.items() if pid not in owners]
            named = (
                rf"4 error\[RUN-LOCK\]: run run-{number} is active \(pid {owners[0]}, "
                rf"host {re.escape(socket.gethostname())}, since 2\d\d\d-.*\), at {folder}"
            )
            assert all(re.fullmatch(named, refusal) for refusal in refusals)


def test_a_killed_owner_frees_the_run(tmp_path):
    for _ in range(5):
        with ExitStack() as stack:
            starter = Starter(stack)
            starter.tell(tmp_path)
            assert starter.answer() == "owner"
            with pytest.raises(RunError, match="RUN-LOCK"):
                refuse_active(tmp_path)
            starter.process.kill()
            starter.process.wait()
            with owned(tmp_path), pytest.raises(RunError, match=f"pid {os.getpid()}, host"):
                refuse_active(tmp_path)


@pytest.mark.parametrize("left", ["", "x" * 500, "{}", "[1]"])
def test_what_a_lock_file_held_before_does_not_matter(tmp_path, left):
    (tmp_path / ".lock").write_text(left)
    with owned(tmp_path), pytest.raises(RunError, match=f"pid {os.getpid()}, host"):
        refuse_active(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the open file in /proc")
def test_a_run_is_free_when_its_owner_lets_go_even_if_a_child_lives_on(tmp_path):
    with owned(tmp_path):
        links = {fd: fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
        (held,) = [int(fd.name) for fd, file in links.items() if file == tmp_path / ".lock"]
        inherited = os.dup(held)
    with owned(tmp_path), pytest.raises(RunError, match=f"pid {os.getpid()}"), owned(tmp_path):
        pass
    os.close(inherited)


def test_an_error_inside_frees_the_run(tmp_path):
    with pytest.raises(ZeroDivisionError), owned(tmp_path):
        raise ZeroDivisionError
    refuse_active(tmp_path)


def test_asking_whether_a_folder_is_active_changes_nothing(tmp_path):
    refuse_active(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".lock").write_text("of another program")
    refuse_active(tmp_path)
    assert (tmp_path / ".lock").read_text() == "of another program"


def test_a_folder_that_is_not_there_cannot_be_owned(tmp_path):
    with pytest.raises(RunError, match="RUN-IO"), owned(tmp_path / "missing"):
        pass
