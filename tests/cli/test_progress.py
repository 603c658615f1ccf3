"""What a person sees while a run goes on."""

import io

import pytest
from rich.console import Console

from loratory.cli import progress
from loratory.cli.progress import RunProgress

START = {
    "rows": {"train": 2000, "validation": 500},
    "steps": 8,
    "trainable_parameters": 2_500,
    "total_parameters": 1_000_000,
}


def step(number, *, tokens=300, seconds=0.5):
    return {"step": number, "train/loss": 0.6931, "tokens": tokens, "seconds": seconds}


@pytest.fixture
def screen(monkeypatch):
    """Put a wide terminal in the place of standard error, and return what is written on it."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=140, color_system=None)
    monkeypatch.setattr(progress, "console", console)
    return written


def test_it_says_once_how_it_computes(capsys):
    compute = {"device": "cpu", "precision": "int8", "threads": 2, "tokens_at_once": 1024}
    with RunProgress() as show:
        show("start", {**START, "compute": {**compute, "attention": "text by text"}})
    said = " ".join(capsys.readouterr().err.split())
    assert said.endswith("cpu, int8, 2 threads, 1,024 tokens at once, attention text by text")


def test_it_says_what_is_trained_on_how_many_rows(capsys):
    with RunProgress() as show:
        show("start", START)
    out, err = capsys.readouterr()
    said = "2,000 train, 500 validation rows; 2,500 of 1,000,000 parameters train (0.25%)"
    assert (out, " ".join(err.split())) == ("", said)


def test_each_evaluation_is_a_line(capsys):
    with RunProgress() as show:
        show("evaluation", {"step": 4, "split": "validation", "eval/accuracy": 0.8624, "tokens": 9})
    assert "step 4  validation: accuracy 0.862" in capsys.readouterr().err


def test_warnings_and_resuming_are_told(capsys):
    with RunProgress() as show:
        show("warning", {"message": "last is missing [sic]"})
        show("resume", {"step": 5})
    said = capsys.readouterr().err.splitlines()
    assert said == ["warning: last is missing [sic]", "resumed after step 5"]


def test_without_a_terminal_there_is_no_bar(capsys):
    with RunProgress() as show:
        for number in (1, 2):
            show("step", step(number))
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_steps_loss_speed_and_time_left(screen):
    with RunProgress() as show:
        show("start", START)
        for number in range(1, 4):
            show("step", step(number))
        show._bar.refresh()
        said = screen.getvalue()
    assert "training  loss 0.693" in said
    assert "3/8" in said
    assert "600 tokens/s" in said
    assert "0:00:0" in said


def test_the_speed_is_that_of_the_last_steps(screen):
    with RunProgress() as show:
        show("start", START)
        show("step", step(1, tokens=1, seconds=1000))
        for number in range(2, 23):
            show("step", step(number, tokens=10, seconds=1))
        show._bar.refresh()
        assert "10 tokens/s" in screen.getvalue().splitlines()[-1]


def test_a_resumed_bar_begins_where_the_run_stands(screen):
    with RunProgress() as show:
        show("start", START)
        show("resume", {"step": 5})
        show._bar.refresh()
        assert "5/8" in screen.getvalue()


def test_the_bar_is_gone_afterwards(screen):
    with RunProgress() as show:
        show("start", START)
        show("stop", {"reason": "finished"})
        show._bar.refresh()
        assert "scoring" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")


def test_the_bar_shows_how_much_a_teacher_has_answered_and_then_the_steps(screen):
    with RunProgress() as show:
        show("start", START)
        show("asking", {"rows": 4096, "of": 9000})
        show._bar.refresh()
        show("asking", {"rows": 9000, "of": 9000})
        show._bar.refresh()
    bars = [" ".join(bar.split()) for bar in screen.getvalue().split("\r")]
    (asking,) = {bar for bar in bars if "asking the teacher" in bar}
    assert "4096/9000" in asking
    assert "0/8" in next(bar for bar in reversed(bars) if "training" in bar)
