"""YAML text as a tree of nodes, each with its line.

Only the scanner and the parser of ruamel.yaml are used, never its constructors: no tag can name a
Python object. The limits make sure that no text keeps the parser busy for long.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from loratory.errors import ConfigError
from loratory.recipe.settings import UNPRINTABLE, Scalar, check_scalar, dotted
from loratory.recipe.yaml_scalar import resolved_scalar

MOST_CHARACTERS = 100_000
MOST_VALUES = 5_000
DEEPEST = 16


@dataclass(frozen=True)
class Node:
    """A value before expansion: an alias is one more reference to its anchor's node."""

    content: "Scalar | list[Node] | dict[str, Node]"
    line: int
    key_lines: dict[str, int] = field(default_factory=dict)


def root_node(text: str, source: str) -> Node:
    """Return the root of the one document in `text`; `source` is its name in messages.

    Raises:
        ConfigError: CFG-SYNTAX, CFG-DUP (a key given twice), CFG-SIZE (too long or too deep) or
            CFG-TYPE (tags, and keys that are not text).
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            "CFG-SIZE",
            "the text is too long for a recipe",
            at=source,
            got=f"a text of {len(text):,} characters",
            expected=f"at most {MOST_CHARACTERS:,}",
            fix="keep data in files of its own and name them in the recipe",
        )
    if found := UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start())
        column = found.start() - text.rfind("\n", 0, found.start()) - 1
        raise _syntax(
            f"the character U+{ord(found[0]):04X} is not allowed in YAML",
            _position(source, line, column),
            "remove that character",
        )
    return _Parser(text, source).document()


def too_large(at: str) -> ConfigError:
    """Return the error of a text that holds, or expands to, more than a recipe can need."""
    return ConfigError(
        "CFG-SIZE",
        "the text is too deep, or too large after expansion of its aliases",
        at=at,
        expected=f"at most {DEEPEST} levels and {MOST_VALUES:,} values",
        fix="write plain values; a recipe needs a few levels and no aliases",
    )


class _Parser:
    """Builds nodes from the parser's events, counting as it goes."""

    def __init__(self, text: str, source: str) -> None:
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._source = source
        self._anchors: dict[str, Node | None] = {}
        self._values = 0

    def document(self) -> Node:
        root = None
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, StreamStartEvent | DocumentEndEvent):
                continue
            if not isinstance(event, DocumentStartEvent):
                root = self._node(event, 0)
            elif root is not None:
                raise _syntax("a second document begins", self._at(event), "remove the line ---")
        return root or Node(None, 1)

    def _next(self) -> Event:
        try:
            return next(self._events)
        except MarkedYAMLError as error:
            raise self._unreadable(error) from None
        except (YAMLError, ValueError, OverflowError) as error:
            raise _syntax(
                f"this is not YAML: {error}", self._source, "remove unusual escapes and directives"
            ) from None

    def _node(self, event: Event, depth: int) -> Node:
        line = event.start_mark.line + 1
        self._values += 1
        if depth > DEEPEST or self._values > MOST_VALUES:
            raise too_large(f"{self._source}:{line}")
        if isinstance(event, AliasEvent):
            return self._aliased(event)
        assert isinstance(event, CollectionStartEvent | ScalarEvent)
        self._refuse_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._content(event, line, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: CollectionStartEvent | ScalarEvent, line: int, depth: int) -> Node:
        if isinstance(event, ScalarEvent):
            plain = event.implicit[0]
            return Node(resolved_scalar(event.value) if plain else event.value, line)
        if isinstance(event, MappingStartEvent):
            return self._mapping(line, depth)
        items = []
        while not isinstance(item := self._next(), CollectionEndEvent):
            items.append(self._node(item, depth + 1))
        return Node(items, line)

    def _mapping(self, line: int, depth: int) -> Node:
        content: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := self._next(), CollectionEndEvent):
            key, key_line = self._key(event), event.start_mark.line + 1
            if key in content:
                raise ConfigError(
                    "CFG-DUP",
                    f"key {dotted((key,))} is given at lines {lines[key]} and {key_line}",
                    at=f"{self._source}:{key_line} {dotted((key,))}",
                    fix="remove one of the two",
                )
            lines[key] = key_line
            content[key] = self._node(self._next(), depth + 1)
        return Node(content, line, lines)

    def _key(self, event: Event) -> str:
        at = f"{self._source}:{event.start_mark.line + 1}"
        if not isinstance(event, ScalarEvent):
            raise ConfigError("CFG-TYPE", "a key is not text", at=at, fix="write the key as a word")
        self._refuse_tag(event)
        check_scalar(event.value, at)
        key: str = event.value
        return key

    def _aliased(self, event: AliasEvent) -> Node:
        name = event.anchor
        if name not in self._anchors:
            raise _syntax(f"nothing is named &{name}", self._at(event), "write the value itself")
        node = self._anchors[name]
        if node is None:  # the alias stands inside what it names
            raise too_large(self._at(event))
        return node

    def _refuse_tag(self, event: CollectionStartEvent | ScalarEvent) -> None:
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            raise ConfigError(
                "CFG-TYPE",
                f"the tag {tag[:80]} is not allowed",
                at=f"{self._source}:{event.start_mark.line + 1}",
                fix="remove the tag; quote a value that is meant as text",
            )

    def _unreadable(self, error: MarkedYAMLError) -> ConfigError:
        mark = error.problem_mark or error.context_mark
        said = ": ".join(str(part) for part in (error.context, error.problem) if part)
        fix = "correct it there; text that holds : # [ ] { } , & * ! needs quotes"
        return _syntax(
            f"this is not YAML: {said[:200]}",
            _position(self._source, mark.line, mark.column),
            "indent with spaces, not tabs" if "\\t" in said else fix,
        )

    def _at(self, event: Event) -> str:
        return _position(self._source, event.start_mark.line, event.start_mark.column)


def _syntax(problem: str, at: str, fix: str) -> ConfigError:
    return ConfigError("CFG-SYNTAX", problem, at=at, fix=fix)


def _position(source: str, line: int, column: int) -> str:
    """Return `recipe.yaml:3:7` for a line and a column counted from 0."""
    return f"{source}:{line + 1}:{column + 1}"
