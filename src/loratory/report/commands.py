"""What can be done with a finished run, as commands: it depends on the rows of its task."""

from typing import NamedTuple, assert_never

from loratory.recipe.section import Reads


class Commands(NamedTuple):
    """Commands for a run."""

    use: str
    """Asks it, or has it write."""

    score: str
    """Scores it on rows of one's own."""


def commands(reads: Reads, run: str) -> Commands:
    """Return the commands for the run in a folder, whose task reads such rows."""
    match reads:
        case "labelled":
            use, file = f'predict {run} "a text"', "rows.jsonl"
        case "questions":
            use, file = f"predict {run} --file questions.jsonl", "questions.json"
        case "problems":
            use, file = f'predict {run} "a problem"', "problems.jsonl"
        case "texts":
            use, file = f'generate {run} "a beginning"', "texts.txt"
        case "pairs":
            use, file = f'generate {run} "a prompt"', "pairs.jsonl"
        case _:
            assert_never(reads)
    return Commands(f"loratory {use}", f"loratory evaluate {run} --file {file}")
