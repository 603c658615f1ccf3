"""How a side is spoken to: a line of JSON on standard input, a line of JSON back.

    {"do": "check", "folder": …}  ─►  {"checked": [numbers that both sides must agree on]}
    {"do": "run", "folder": …}    ─►  {"seconds": …, "peak_memory_mb": …, …}

The process is told to run again and again, so that a side and its peer can take turns; what it
loads for a folder it keeps until it is given another. Settings for the recipe stand on its command
line.
"""

import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from loratory.runs.environment import usable_cores

Answer = dict[str, Any]
Settings = Sequence[str]
Check = Callable[[Path, Settings], list[float]]
"""Returns what the side makes of the job's first rows."""
Load = Callable[[Path, Settings], Callable[[], Answer]]
"""Returns what does the job once, timed, when all that is not timed is done."""


class Served:
    """Answers lines for a side."""

    def __init__(self, check: Check, load: Load, settings: Settings = ()) -> None:
        self.check = check
        self.load = load
        self.settings = settings
        self._loaded: tuple[Path, Callable[[], Answer]] | None = None

    def answer(self, asked: dict[str, str]) -> Answer:
        """Return the answer to what is asked."""
        folder = Path(asked["folder"])
        if asked["do"] == "check":
            return {"checked": self.check(folder, self.settings)}
        if self._loaded is None or self._loaded[0] != folder:
            self._loaded = None
            self._loaded = (folder, self.load(folder, self.settings))
        gc.collect()
        return self._loaded[1]()


def serve(check: Check, load: Load) -> None:
    """Answer lines on standard input until it ends; what libraries print goes elsewhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    torch.set_num_threads(usable_cores())
    side = Served(check, load, sys.argv[1:])
    for line in sys.stdin:
        answers.write(json.dumps(side.answer(json.loads(line))) + "\n")
        answers.flush()
