"""What a person sees while a sweep goes on."""

import io

from rich.console import Console

from loratory.cli import sweep_progress
from loratory.cli.sweep_progress import SweepProgress


def test_settings_are_shown_as_they_are_whatever_stands_in_them(monkeypatch):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=140, color_system=None)
    monkeypatch.setattr(sweep_progress, "console", console)
    with SweepProgress() as show:
        show("trial_begins", number=0, settings={"task.prompt": "[INST] {text} [/INST]"})
        show._bar.refresh()
        assert "prompt=[INST] {text} [/INST]" in written.getvalue()
