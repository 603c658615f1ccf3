"""Sides as processes: started for a side, spoken to line by line, ended when no longer needed."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.workload import Side
from loratory.errors import RunError

_ROOT = Path(__file__).parent.parent
_MOST_SHOWN = 4000

Ask = Callable[[str, Path], dict[str, Any]]
"""Called with `check` or `run` and a job's folder; returns the side's answer."""
Open = Callable[[Side], AbstractContextManager[Ask]]
"""Starts a side and ends it."""


@contextmanager
def process(side: Side) -> Iterator[Ask]:
    """Run the side in a process of its own.

    Raises:
        RunError: it ended before it had answered (BENCH-SIDE); what it printed says why.
    """
    command = [sys.executable, "-m", f"benchmarks.sides.{side.module}", *side.settings]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
        subprocess.Popen(
            command, cwd=_ROOT, stdin=pipe, stdout=pipe, stderr=printed, text=True
        ) as running,
    ):
        assert running.stdin is not None
        assert running.stdout is not None
        asked, answers = running.stdin, running.stdout

        def ask(what: str, folder: Path) -> dict[str, Any]:
            asked.write(json.dumps({"do": what, "folder": str(folder)}) + "\n")
            asked.flush()
            line = answers.readline()
            if not line:
                printed.seek(0)
                raise RunError(
                    "BENCH-SIDE",
                    f"this side of the benchmark ended with {running.wait()}",
                    at=f"benchmarks/sides/{side.module}.py",
                    fix=f"see what it printed:\n{printed.read()[-_MOST_SHOWN:]}",
                )
            answer: dict[str, Any] = json.loads(line)
            return answer

        try:
            yield ask
        finally:
            running.terminate()
