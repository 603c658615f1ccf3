"""The command itself: its verbs, its exit codes, and what a person sees of an error."""

import io
import os
import signal
import subprocess
import sys

import pytest

from loratory.errors import LoratoryError, RunError

VERBS = ("train", "evaluate", "predict", "generate", "params", "models", "data")


class Interrupted(io.StringIO):
    """Standard input whose reader presses Ctrl-C."""

    def __iter__(self):
        # Where tests run in the background, Ctrl-C may be ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)
        yield "never read"


def test_help_names_every_verb(loratory):
    for option in ("--help", "-h"):
        ran = loratory(option)
        assert ran.code == 0
        assert all(f" {verb} " in ran.out for verb in VERBS)


@pytest.mark.parametrize("verb", [*VERBS[:-1], "data check"])
def test_every_verb_explains_itself(loratory, verb):
    ran = loratory(*verb.split(), "--help")
    assert ran.code == 0
    assert f"loratory {verb} " in ran.out
    assert "--json" in ran.out


def test_without_a_verb_it_helps(loratory):
    ran = loratory()
    assert ran.code == 2
    assert "Usage: " in ran.out


@pytest.mark.parametrize("arguments", [("tarin",), ("train", "--otu", "x"), ("evaluate",)])
def test_a_command_line_that_is_none_exits_with_2(loratory, arguments):
    ran = loratory(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage" in ran.err
    assert "Traceback" not in ran.err


def test_an_error_is_two_lines_and_its_own_exit_code(loratory, tmp_path):
    ran = loratory("evaluate", tmp_path / "nowhere")
    headline, fix = ran.err.splitlines()
    assert (ran.code, ran.out) == (RunError.exit_code, "")
    assert headline.startswith("error[RUN-FOLDER]: ")
    assert fix.startswith("fix: ")


def test_a_long_error_is_still_one_line(loratory, tmp_path):
    ran = loratory("evaluate", tmp_path / ("x" * 200))
    assert len(ran.err.splitlines()) == 2
    assert "x" * 200 in ran.err


def test_an_error_is_not_read_as_markup(loratory, tmp_path):
    ran = loratory("evaluate", tmp_path / "[bold]run")
    assert "[bold]run" in ran.err


def test_for_debugging_the_error_comes_with_its_traceback(monkeypatch, tmp_path):
    from loratory.cli.main import main

    monkeypatch.setenv("LORATORY_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["loratory", "evaluate", str(tmp_path / "nowhere")])
    with pytest.raises(LoratoryError, match="RUN-FOLDER"):
        main()


def test_ctrl_c_exits_with_130_and_no_traceback(loratory, tmp_path):
    ran = loratory("predict", tmp_path, stdin=Interrupted())
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "loratory", "--help"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1
