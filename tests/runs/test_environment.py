"""The environment: what a report needs to know of the machine, without loading anything heavy."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from loratory.runs.environment import environment, forget_peak_memory, usable_cores


def test_versions_are_those_that_are_imported():
    versions = environment()["versions"]
    assert versions["numpy"] == np.__version__
    assert versions["python"] == platform.python_version()
    assert versions.keys() >= {"loratory", "torch", "transformers", "tokenizers", "safetensors"}


def test_reading_the_environment_imports_no_package_it_describes():
    code = (
        "import sys; from loratory.runs.environment import environment; environment();"
        "print(sorted({'torch', 'transformers', 'numpy', 'tokenizers'} & sys.modules.keys()))"
    )
    assert printed(code) == "[]\n"


def test_the_machine_is_described_in_json(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert found["threads"]["OMP_NUM_THREADS"] == "3"
    assert found["threads"]["MKL_NUM_THREADS"] is None
    assert 1 <= found["cores"]["usable"] <= found["cores"]["machine"] == os.cpu_count()
    assert found["processor"]
    assert found["platform"] == platform.platform()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_memory_is_that_of_the_system_in_megabytes():
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert environment()["memory_mb"] == pytest.approx(total / 1e6, rel=0.01)


def test_peak_memory_grows_with_what_is_held_and_stays():
    code = (
        "from loratory.runs.environment import peak_memory_mb as peak\n"
        "before = peak(); held = b'x' * 200_000_000; after = peak(); del held\n"
        "print(before, after, peak())"
    )
    before, after, later = map(float, printed(code).split())
    assert after - before == pytest.approx(200, abs=2)
    assert later == pytest.approx(after, abs=1)


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="cannot be reset here")
def test_peak_memory_that_was_forgotten_begins_with_what_is_held():
    code = (
        "from loratory.runs.environment import forget_peak_memory, peak_memory_mb as peak\n"
        "before = peak(); held = b'x' * 200_000_000; del held\n"
        "forget_peak_memory(); print(before, peak())"
    )
    before, later = map(float, printed(code).split())
    assert later == pytest.approx(before, abs=20)


def test_where_the_system_cannot_forget_nothing_happens(monkeypatch):
    def refused(*_args):
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refused)
    forget_peak_memory()


def test_peak_memory_is_not_that_of_the_process_that_started_this_one():
    held = b"x" * 400_000_000
    code = "from loratory.runs.environment import peak_memory_mb; print(peak_memory_mb())"
    assert float(printed(code)) < len(held) / 1e6 / 2


def printed(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away here")
def test_cores_that_were_taken_away_do_not_count():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == environment()["cores"]["usable"] == 1
    finally:
        os.sched_setaffinity(0, before)
