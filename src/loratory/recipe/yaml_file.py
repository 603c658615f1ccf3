"""A YAML 1.2 file as plain values, with the line of every key and list item."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError
from loratory.recipe.settings import KeyPath, check_scalar, dotted
from loratory.recipe.yaml_nodes import DEEPEST, MOST_VALUES, Node, root_node, too_large

MOST_BYTES = 1_000_000
_CHARACTERS_PER_VALUE = 20  # a long text counts for several values: aliases may repeat it


@dataclass(frozen=True)
class YamlValues:
    """Plain values, and the line (from 1) of each key and list item among them."""

    values: Any
    lines: dict[KeyPath, int]


def read_yaml_file(path: Path, source: str) -> YamlValues:
    """Return the mapping that a regular UTF-8 file holds; `source` is its name in messages.

    Raises:
        ConfigError: CFG-FILE (no regular file, not readable, over 1 MB, not UTF-8), CFG-TYPE
            (empty, or no mapping), and what `read_yaml_text` raises.
    """
    read = read_yaml_text(_text(path, source), source)
    if not isinstance(read.values, dict):
        empty = read.values is None
        raise ConfigError(
            "CFG-TYPE",
            "the recipe is empty" if empty else "the recipe is not made of keys and values",
            at=f"{source}:1",
            expected="keys and values such as base: smollm2-135m",
            fix="start from a recipe that comes with the package, such as quickstart",
        )
    return read


def read_yaml_text(text: str, source: str) -> YamlValues:
    """Return what `text` holds, every alias replaced by a copy of what it names.

    Raises:
        ConfigError: CFG-SYNTAX, CFG-DUP (a key given twice), CFG-SIZE (too long, too deep, or too
            large after expansion), CFG-TYPE (tags, keys that are not text, unprintable text) or
            CFG-RANGE (a whole number that no machine word holds).
    """
    copy = _Copy(source)
    return YamlValues(copy.plain(root_node(text, source), ()), copy.lines)


@dataclass
class _Copy:
    """Turns nodes into plain values, counting every copy that an alias makes."""

    source: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    size: int = 0

    def plain(self, node: Node, path: KeyPath) -> Any:
        content = node.content
        length = len(content) if isinstance(content, str) else 0
        self.size += 1 + length // _CHARACTERS_PER_VALUE
        if len(path) > DEEPEST or self.size > MOST_VALUES:
            raise too_large(f"{self.source}:{node.line}")
        self.lines.setdefault(path, node.line)
        if isinstance(content, dict):
            return {key: self._entry(node, key, (*path, key)) for key in content}
        if isinstance(content, list):
            return [self.plain(held, (*path, place)) for place, held in enumerate(content)]
        check_scalar(content, f"{self.source}:{node.line} {dotted(path)}".rstrip())
        return content

    def _entry(self, mapping: Node, key: str, path: KeyPath) -> Any:
        assert isinstance(mapping.content, dict)
        self.lines[path] = mapping.key_lines[key]
        return self.plain(mapping.content[key], path)


def _text(path: Path, source: str) -> str:
    try:
        data = _bytes(path, source)
    except OSError as error:
        raise _bad_file(source, f"the recipe cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise _bad_file(source, f"the recipe cannot be read: {error}") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "CFG-FILE",
            f"the recipe is not UTF-8 (byte {error.start})",
            at=f"{source}:{line}",
            fix="save it as UTF-8",
        ) from None


def _bytes(path: Path, source: str) -> bytes:
    mode = path.stat().st_mode  # first of all: to open a FIFO is to wait for its writer
    if not stat.S_ISREG(mode):
        raise _bad_file(source, f"the recipe is {_kind(mode)}, not a regular file")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _bad_file(source, "the recipe is larger than 1 MB")
    return data


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"


def _bad_file(source: str, problem: str) -> ConfigError:
    fix = "give the path of a YAML file, or the name of a recipe that comes with the package"
    return ConfigError("CFG-FILE", problem, at=source, fix=fix)
