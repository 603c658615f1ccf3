"""Errors a person can act on: a code, the place, what was found, what was expected, and the fix.

The command line prints them without a traceback and exits with the class's `exit_code`.
"""

from typing import Any, ClassVar, TypeVar


class LoratoryError(Exception):
    """Something the user can correct. Subclasses differ in the exit code alone."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        code: str,
        problem: str,
        *,
        fix: str,
        at: str | None = None,
        got: object = None,
        expected: str | None = None,
    ) -> None:
        self.code = code
        self.problem = problem
        self.fix = fix
        self.at = at
        self.got = got
        self.expected = expected
        super().__init__(f"{self.headline}\nfix: {fix}")

    @property
    def headline(self) -> str:
        """The first line of the message: `error[CODE]: problem, at PLACE, got …, expected …`."""
        parts = [self.problem]
        if self.at is not None:
            parts.append(f"at {self.at}")
        if self.got is not None:
            parts.append(f"got {_shown(self.got)}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        return f"error[{self.code}]: {', '.join(parts)}".replace("\n", " ")


class ConfigError(LoratoryError):
    """A recipe, an override or a command line that does not describe a run."""

    exit_code = 2


class DataError(LoratoryError):
    """A data file or a row that cannot be used as it is."""

    exit_code = 3


class RunError(LoratoryError):
    """A run folder or a checkpoint that is in use, damaged or of another run."""

    exit_code = 4


class ResourceError(LoratoryError):
    """Not enough memory, disk or network."""

    exit_code = 5


class SecurityError(LoratoryError):
    """Input that would run code or leave its folder; always refused."""

    exit_code = 6


class NumericsError(LoratoryError):
    """A loss, a gradient or a stored tensor that is not finite."""

    exit_code = 7


class ModelError(LoratoryError):
    """A base model, tokenizer or adapter that cannot be used."""

    exit_code = 8


class RunInterruptedError(LoratoryError):
    """The run was asked to stop; it is saved and can be resumed."""

    exit_code = 130


def _shown(value: object, *, most: int = 80) -> str:
    text = value if isinstance(value, str) and value.startswith("a ") else repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"


_Kind = TypeVar("_Kind", bound=LoratoryError)


def reworded(error: LoratoryError, kind: type[_Kind], **parts: str) -> _Kind:
    """Return an error of `kind` that says what `error` says, but for the parts given anew."""
    names = ("code", "problem", "fix", "at", "got", "expected")
    said: dict[str, Any] = {name: getattr(error, name) for name in names}
    return kind(**(said | parts))
