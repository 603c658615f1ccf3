"""The values of a recipe as they were written, and where each was written."""

import re
from dataclasses import dataclass
from typing import Any

from loratory.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the recipe's root: ("task", "labels", 1)."""

Scalar = str | int | float | bool | None

OVERRIDE = "override: "
COMMAND_LINE = "command line: "

LARGEST_WHOLE_NUMBER = 2**63 - 1

# All but what YAML 1.2 calls printable (section 5.1), and three characters that ruamel.yaml takes
# for line ends, as YAML 1.1 did: it would change the text around them without a word.
UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]"
)
# What no value may hold, however it is written. The rest of the above has its place in the texts
# and class names that a run's recipe takes from its data, escaped between quotes.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True)
class Settings:
    """Values of sections within sections, and for each path what stands before it in a message.

    A place is `recipe.yaml:7 ` for what a file says, `command line: ` for what overrides it.
    """

    values: dict[str, Any]
    places: dict[KeyPath, str]

    def place(self, path: KeyPath) -> str:
        """Return where `path` was written: `recipe.yaml:7 training.epochs`."""
        within = (where for where in self.places if where[: len(path)] == path)
        around = (path[:end] for end in range(len(path) - 1, -1, -1))
        where = next((w for w in (path, *within, *around) if w in self.places), ())
        shown = where if len(where) > len(path) else path
        return f"{self.places.get(where, '')}{dotted(shown)}"

    def overridden_within(self, path: KeyPath) -> KeyPath:
        """Return the last override inside the section at `path`, or `path` where there is none."""
        overridden = [
            where
            for where, place in self.places.items()
            if where[: len(path)] == path and place in (COMMAND_LINE, OVERRIDE)
        ]
        return overridden[-1] if overridden else path

    def put(self, path: tuple[str, ...], value: object, place: str) -> None:
        """Set the value at `path`, making the sections above it where there are none."""
        self._section_of(path, place)[path[-1]] = value
        self._replace_places(path, place)

    def remove(self, path: tuple[str, ...], place: str) -> None:
        """Take the value at `path` away, if there is one."""
        self._section_of(path, place).pop(path[-1], None)
        self._replace_places(path, place)

    def _section_of(self, path: tuple[str, ...], place: str) -> dict[str, Any]:
        section = self.values
        for end, key in enumerate(path[:-1], start=1):
            if section.get(key) is None:
                section[key] = {}
            if not isinstance(section[key], dict):
                raise ConfigError(
                    "CFG-TYPE",
                    f"{dotted(path[:end])} is one value and holds no settings",
                    at=f"{place}{dotted(path)}",
                    fix=f"set {dotted(path[:end])} itself, or name a key inside a section",
                )
            section = section[key]
        return section

    def _replace_places(self, path: tuple[str, ...], place: str) -> None:
        for where in [where for where in self.places if where[: len(path)] == path]:
            del self.places[where]
        self.places[path] = place


def dotted(path: KeyPath) -> str:
    """Return the path as it is written on the command line: `task.labels[1]`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def check_scalar(value: Scalar, at: str) -> None:
    """Refuse text with control characters, and whole numbers that no machine word holds.

    Raises:
        ConfigError: CFG-TYPE for the text, CFG-RANGE for the number.
    """
    if isinstance(value, str) and (found := _REFUSED.search(value)):
        raise ConfigError(
            "CFG-TYPE",
            f"the text holds the character U+{ord(found[0]):04X}, which cannot be printed",
            at=at,
            fix="remove that character",
        )
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE_NUMBER:
        raise ConfigError(
            "CFG-RANGE",
            "the whole number is too large",
            at=at,
            expected=f"at most {LARGEST_WHOLE_NUMBER}",
            fix="write a smaller number",
        )


def _shown(key: str, *, most: int = 40) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else ascii(key[:most])
