"""Make text and bytes visible: control characters, odd spaces and marks as escapes, long runs as their length.

What a target answers is hostile: nothing that passes through here moves a terminal's cursor, reorders a line or
breaks an encoder.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

RUN = 32
"""From so many equal characters on, a run is told by its length."""

_RUN_SHOWN = 8
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


@dataclass(frozen=True)
class Piece:
    """A piece of visible text. ``kind`` is "" for what was sent as it stands, "escape", or "note" for a remark."""

    text: str
    kind: str = ""


def plain(text: str, limit: int = 2000) -> str:
    """Return a text in one line, safe for a terminal or a page."""
    kept = text[:limit]
    shown = kept if kept.isascii() and kept.isprintable() else "".join(map(_escape, kept))
    return shown if len(text) <= limit else f"{shown}… ({len(text)} characters)"


def tidy(text: str) -> str:
    """Return a text with its lines and tabs, and every other odd character as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _odd(c) else _escape(c) for c in text)


def pieces(text: str, encoding: str, limit: int) -> tuple[Piece, ...]:
    """Return the first ``limit`` characters of a body as pieces.

    ``encoding`` "latin-1" says that the text stands for bytes that are no UTF-8; those from 0x80 on are shown as
    such. A new line is shown as an escape and begins a new line.
    """
    return tuple(_joined(_pieces(text[:limit], encoding == "latin-1")))


def _pieces(text: str, raw: bool) -> Iterator[Piece]:
    for character, group in groupby(text):
        count = sum(1 for _ in group)
        if raw and ord(character) >= 0x80:
            piece = Piece(f"\\x{ord(character):02x}", "escape")
        elif character == "\\" or not _odd(character):
            piece = Piece(character)
        else:
            piece = Piece(_escape(character), "escape")
        shown = count if count < RUN else _RUN_SHOWN
        for _ in range(shown):
            yield piece
            if character == "\n":
                yield Piece("\n")
        if shown < count:
            yield Piece(f"…×{count}", "note")


def _joined(parts: Iterator[Piece]) -> Iterator[Piece]:
    for kind, group in groupby(parts, key=lambda piece: piece.kind):
        if kind == "note":
            yield from group
        else:
            yield Piece("".join(piece.text for piece in group), kind)


def _odd(character: str) -> bool:
    """Whether a character cannot be seen for what it is: controls, formats, marks, surrogates, odd spaces."""
    if " " <= character <= "~":
        return False
    category = unicodedata.category(character)
    return category[0] in "CZ" or category in ("Mn", "Me")


def _escape(character: str) -> str:
    if not _odd(character):
        return character
    code = ord(character)
    short = _SHORT.get(character)
    return short or (f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
