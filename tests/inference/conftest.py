"""Runs to look at, and copies of them to spoil."""

import json
import shutil
from typing import NamedTuple

import pytest

from loratory.inference.tuned import load_run


class Lines(NamedTuple):
    """A file of prediction lines."""

    data: bytes

    @property
    def rows(self):
        return [json.loads(line) for line in self.data.splitlines()]


@pytest.fixture
def copied_run(film_run, tmp_path):
    """Return a copy of the finished run."""
    return shutil.copytree(film_run, tmp_path / "copy")


@pytest.fixture
def predicted(film_run):
    """Return a function from a split to the predictions that training kept."""
    return lambda split: Lines((film_run / "predictions" / f"{split}.jsonl").read_bytes())


@pytest.fixture(scope="module")
def tuned(film_run):
    return load_run(film_run)
