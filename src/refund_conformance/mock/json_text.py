"""Read a request body as RFC 8259 has it: UTF-8, one value, nothing before or after it but white space.

Python's own reader does the work where it is strict enough. It converts long integers and recurses on nesting,
so numbers are read as floats, which never fail, and a text that nests too deep for it goes to `nesting`.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from refund_conformance.mock.answers import Answers
from refund_conformance.mock.nesting import NotNestedError, read_nested

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DEEP = 64
"""Levels of nesting from which a server that dislikes nesting objects."""

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)


class NotJsonError(Exception):
    """The body is no JSON text; the argument says why."""


@dataclass(frozen=True)
class JsonText:
    """A JSON text that was read.

    ``value`` is its value, with every number as a float. ``repeated`` are the keys that stand twice at the top
    level; ``deep`` those whose values nest deeper than `DEEP`. Both are found only if the answers ask for it.
    """

    value: object
    repeated: tuple[str, ...] = ()
    deep: tuple[str, ...] = ()


def read_json(body: bytes, answers: Answers) -> JsonText:
    """Read the body; raise NotJsonError if it is not JSON or is of a kind that the answers refuse."""
    text = decode(body, answers)
    if answers.lone_surrogate == "110" and has_lone_surrogate_escape(text):
        raise NotJsonError("half of a surrogate pair")
    repeated = _Repeated(answers.duplicate_keys == "110")
    number = bounded if answers.number_range == "110" else float
    value = parse(text, repeated if answers.duplicate_keys != "accepted" else None, number)
    deep = _deep_members(text) if answers.deep_nesting != "accepted" else ()
    if deep and answers.deep_nesting == "110":
        raise NotJsonError(f"nests deeper than {DEEP} levels")
    return JsonText(value, repeated.keys, tuple(key for key in deep if key is not None))


def decode(body: bytes, answers: Answers) -> str:
    """Return the body's text: UTF-8, or UTF-16 where that is accepted; raise NotJsonError for other bytes."""
    encoding = "utf-8"
    if answers.utf16_json == "accepted":
        encoding = json.detect_encoding(body).replace("utf-8-sig", "utf-8")
    if answers.byte_order_mark == "accepted":
        body = body.removeprefix(BYTE_ORDER_MARK)
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as problem:
        raise NotJsonError(f"not {problem.encoding}: {problem.reason} at byte {problem.start}") from None


def parse(text: str, repeated: "_Repeated | None" = None, number: Callable[[str], float] = float) -> object:
    """Return the value of a JSON text, numbers as floats; raise NotJsonError if it is none."""
    reader = _PLAIN if repeated is None and number is float else _reader(repeated, number)
    try:
        return reader.decode(text)
    except json.JSONDecodeError as problem:
        raise NotJsonError(f"{problem.msg} at character {problem.pos}") from None
    except RecursionError:
        return _parse_nested(text)


def bounded(text: str) -> float:
    """Return a number; raise NotJsonError if it is beyond the range of floats."""
    number = float(text)
    if math.isinf(number):
        raise NotJsonError("a number out of range")
    return number


def has_lone_surrogate_escape(text: str) -> bool:
    """Tell whether an escape in the text is half of a surrogate pair without the other half."""
    units: list[tuple[int, int]] = [
        (match.start(), int(match[1], 16)) for match in _ESCAPE.finditer(text) if match[1] is not None
    ]
    high_end = -1  # where the low half would have to start
    for start, unit in units:
        low = 0xDC00 <= unit < 0xE000
        if low != (start == high_end):
            return True
        high_end = start + 6 if 0xD800 <= unit < 0xDC00 else -1
    return high_end != -1


class _Repeated:
    """Object hook that notes repeated keys; the last object it sees is the outermost."""

    def __init__(self, refuse: bool) -> None:
        self.refuse = refuse
        self.keys: tuple[str, ...] = ()

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        names = [key for key, _ in pairs]
        self.keys = tuple(key for key in members if names.count(key) > 1) if len(members) < len(pairs) else ()
        if self.keys and self.refuse:
            raise NotJsonError(f"the key {self.keys[0]!r} twice")
        return members


def _no_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is no JSON value")


def _reader(repeated: _Repeated | None, number: Callable[[str], float]) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_int=number, parse_float=number, parse_constant=_no_constant, object_pairs_hook=repeated
    )


_PLAIN = _reader(None, float)


def _parse_nested(text: str) -> object:
    try:
        return read_nested(text).value
    except NotNestedError as problem:
        raise NotJsonError(str(problem)) from None


def _deep_members(text: str) -> tuple[str | None, ...]:
    try:
        depths = read_nested(text).depths
    except NotNestedError as problem:
        raise NotJsonError(str(problem)) from None
    return tuple(key for key, depth in depths.items() if depth > DEEP)
