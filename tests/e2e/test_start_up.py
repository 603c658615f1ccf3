"""How soon the command line answers, and without what."""

import os
import subprocess
import sys
import time

import pytest

WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "datasets", "sklearn"}:
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Refuse())
from loratory.cli.main import main
main()
"""


def processor_seconds(command, expected):
    """Return the least processor time of three starts: what is left without other work."""
    least = float("inf")
    for _ in range(3):
        before = os.times()
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        after = os.times()
        assert ran.returncode == expected, ran.stderr
        spent = after.children_user + after.children_system
        least = min(least, spent - before.children_user - before.children_system)
    return least


def test_help_comes_in_half_a_second():
    assert processor_seconds([sys.executable, "-m", "loratory", "--help"], 0) < 0.5


def test_a_wrong_recipe_is_refused_in_two_seconds_without_torch():
    command = [sys.executable, "-c", WITHOUT_TORCH, "train", "quickstart", "training.epochs=0"]
    assert processor_seconds(command, 2) < 2
    start = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert time.monotonic() - start < 10
    assert ran.stderr.startswith("error[CFG-RANGE]")


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["data", "check", "-h"]])
def test_help_needs_no_torch(arguments):
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Usage" in ran.stdout
