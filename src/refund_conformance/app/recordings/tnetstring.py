"""Typed netstrings, in which mitmproxy stores flows: LENGTH:PAYLOAD and a letter for the type.

They are read here, since mitmproxy itself is an application that pins the versions of all that it needs.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

LARGEST = 256 * 1024 * 1024
"""Bytes of one value at most."""

DEEPEST = 50
"""Levels of lists and dictionaries at most."""

_DIGITS = 12


class NetstringError(ValueError):
    """Bytes that are no typed netstring."""


def values(file: IO[bytes]) -> Iterator[Any]:
    """Yield the values of a file, one after the other. Raises NetstringError where they break off, or are none."""
    while first := file.read(1):
        yield _parsed(*_taken(file, first), 0)


def _taken(file: IO[bytes], first: bytes) -> tuple[bytes, int]:
    """Return payload and type of the value that begins with a byte."""
    digits = first
    while not digits.endswith(b":"):
        letter = file.read(1)
        if not letter or len(digits) > _DIGITS:
            raise NetstringError("a length is missing")
        digits += letter
    length = _length(digits[:-1])
    payload, kind = file.read(length), file.read(1)
    if len(payload) < length or not kind:
        raise NetstringError("it breaks off")
    return payload, kind[0]


def _length(digits: bytes) -> int:
    if not digits.isdigit() or int(digits) > LARGEST:
        raise NetstringError(f"{digits[:_DIGITS].decode('ascii', 'replace')!r} is no length of a value")
    return int(digits)


def _parsed(payload: bytes, kind: int, depth: int) -> Any:
    if depth > DEEPEST:
        raise NetstringError("it nests too deeply")
    if kind == ord("]"):
        return list(_inner(payload, depth))
    if kind == ord("}"):
        inner = list(_inner(payload, depth))
        names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in inner[::2]]
        if len(inner) % 2 or not all(isinstance(name, str) for name in names):
            raise NetstringError("a dictionary has no name for a value")
        return dict(zip(names, inner[1::2], strict=True))
    if chr(kind) not in _PLAIN:
        raise NetstringError(f"{chr(kind)!r} is no type of a value")
    try:
        return _PLAIN[chr(kind)](payload)
    except ValueError as problem:
        raise NetstringError(f"a value is not of its type {chr(kind)!r}") from problem


_PLAIN: Mapping[str, Callable[[bytes], Any]] = {
    ",": bytes,
    ";": lambda payload: payload.decode("utf-8", "replace"),
    "#": lambda payload: int(payload[:30]),
    "^": float,
    "!": lambda payload: payload == b"true",
    "~": lambda payload: None,
}


def _inner(payload: bytes, depth: int) -> Iterator[Any]:
    at = 0
    while at < len(payload):
        colon = payload.find(b":", at, at + _DIGITS + 1)
        length = _length(payload[at : max(at, colon)])
        begin, end = colon + 1, colon + 1 + length
        if end >= len(payload):
            raise NetstringError("it breaks off")
        yield _parsed(payload[begin:end], payload[end], depth + 1)
        at = end + 1
