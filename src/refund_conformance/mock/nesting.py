"""Read JSON that nests deeper than a recursive reader can follow.

It checks the whole text against the grammar with a stack of its own. Of the value it keeps the top level only:
what nests below stands as an empty list or object, because no field of ours may nest.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""[ \t\n\r]*(?:
        (?P<mark>\[+|\]+|[{},:])
      | (?P<string>"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*")
      | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<word>true|false|null)
    )""",
    re.VERBOSE,
)
_SPACE = " \t\n\r"
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_READ: Mapping[str, Callable[[str], object]] = {"string": json.loads, "number": float, "word": _WORDS.__getitem__}


class NotNestedError(Exception):
    """The text is no JSON; the argument says why."""


@dataclass
class Nested:
    """The top level of a JSON text, and how deep each member's value nests (None: the text itself)."""

    value: object = None
    depths: dict[str | None, int] = field(default_factory=dict)


@dataclass
class _Reader:
    """State of a pass over the text: the open brackets, and what may come next."""

    open: list[str] = field(default_factory=list)
    expected: str = "value"
    key: str | None = None
    result: Nested = field(default_factory=Nested)

    def take(self, kind: str, piece: str) -> None:
        """Go on by one piece, or raise NotNestedError if it may not stand here.

        Square brackets come as many as stand together, for there may be a hundred thousand.
        """
        if kind == "mark" and piece[0] in "[{":
            self._open(piece)
        elif kind == "mark" and piece[0] in "]}":
            self._close(piece)
        elif kind == "mark":
            self._separate(piece)
        elif kind == "string" and self.expected in ("key", "key or end"):
            if len(self.open) == 1:
                self.key = json.loads(piece)
            self.expected = ":"
        else:
            self._scalar(kind, piece)

    def _open(self, piece: str) -> None:
        self._begin_value({} if piece == "{" else [])
        self.open.extend(piece)
        depth = len(self.open)
        key = self.key if self.open[0] == "{" else None
        self.result.depths[key] = max(self.result.depths.get(key, 0), depth)
        self.expected = "key or end" if piece == "{" else "value or end"

    def _close(self, piece: str) -> None:
        opened = ("{" if piece == "}" else "[") * len(piece)
        if self.open[-len(piece) :] != list(opened) or self.expected not in ("comma", _empty(opened[0])):
            raise NotNestedError(f"{piece[:10]!r} out of place")
        del self.open[-len(piece) :]
        self.expected = "comma"

    def _separate(self, piece: str) -> None:
        if piece == ":" and self.expected == ":":
            self.expected = "value"
        elif piece == "," and self.expected == "comma" and self.open:
            self.expected = "value" if self.open[-1] == "[" else "key"
        else:
            raise NotNestedError(f"{piece!r} out of place")

    def _scalar(self, kind: str, piece: str) -> None:
        self._begin_value(_READ[kind](piece))
        self.expected = "comma"

    def _begin_value(self, value: object) -> None:
        if self.expected not in ("value", "value or end"):
            raise NotNestedError("a value out of place")
        if not self.open:
            self.result.value = value
        elif len(self.open) == 1 and isinstance(self.result.value, dict):
            self.result.value[self.key] = value


def read_nested(text: str) -> Nested:
    """Read the text, however deep it nests; raise NotNestedError if it is no JSON."""
    reader = _Reader()
    end = len(text.rstrip(_SPACE))
    at = 0
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise NotNestedError(f"no JSON at character {at}")
        reader.take(match.lastgroup, match[match.lastgroup])
        at = match.end()
        if not reader.open and at < end:
            raise NotNestedError(f"something after the document at character {at}")
    if reader.open or reader.expected != "comma":
        raise NotNestedError("the text ends too early")
    return reader.result


def _empty(bracket: str) -> str:
    return "value or end" if bracket == "[" else "key or end"
