"""Take secrets out of whatever is recorded: by value, in every encoding that occurs."""

import base64
import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache, partial
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

import markupsafe

MARK = "[redacted]"
SHORTEST = 6
"""Shorter parts of a secret are not looked for: they would occur by chance."""

LONG = 40
"""A secret of at least this length, of token characters alone, is known by its first PREFIX characters, and taken
out with all the token characters after them: so a copy that was cut or changed further on goes too."""

PREFIX = 16

SHORT = 2000
"""Characters of a text that is remembered, cleaned: most headers and answers are those that came before."""

_LETTERS = "[A-Za-z0-9+/=_.~%-]"
_REST = f"{_LETTERS}*"
_NOTHING = "(?!)"
_ALL_LETTERS = re.compile(f"{_LETTERS}+")


class Redactor:
    """Knows the secrets of a run. More may be added while it goes on (tokens made from ours)."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._needles: set[str] = set()
        self._search: _Search | None = None  # None while there are needles that it has not
        self._lock = Lock()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Remember a secret, each part of it if it is a JWT, and every way it may be written."""
        if secret in self._known:
            return
        found = {_needle(form) for part in _parts(secret) for form in _forms(part) if len(form) >= SHORTEST}
        with self._lock:
            if not found <= self._needles:
                self._needles |= found
                self._search = None
            self._known.add(secret)

    def without(self, text: str) -> "Redactor":
        """Return a redactor of those secrets that do not stand in a text."""
        return Redactor(secret for secret in self._known if secret not in text)

    def text(self, text: str) -> str:
        """Return the text with every secret replaced."""
        return self._all.clean(text)

    def bytes(self, raw: bytes) -> bytes:
        """Return the bytes with every secret replaced."""
        return self._all.clean(raw.decode("latin-1")).encode("latin-1")

    def finds(self, text: str) -> bool:
        """Whether any secret stands in the text."""
        return self._all.pattern.search(text) is not None

    @property
    def _all(self) -> "_Search":
        """The search for every secret. It is made when it is needed, for secrets come by the dozen."""
        search = self._search
        if search is None:
            with self._lock:
                search = self._search = _Search(self._needles)
        return search


def redacted(value: Any, redactor: Redactor) -> Any:
    """Return a JSON value with every secret taken out of its strings. The keys of objects stay as they are."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list):
        return [redacted(item, redactor) for item in value]
    if isinstance(value, dict):
        return {key: redacted(item, redactor) for key, item in value.items()}
    return value


class _Search:
    """Looks for some needles. What it remembers goes with it when there are more of them."""

    def __init__(self, needles: Iterable[str]) -> None:
        self.pattern = re.compile(_alternatives(sorted(needles, key=_eagerness)) or _NOTHING)
        self._replaced = partial(self.pattern.sub, MARK)
        self._remembered = lru_cache(256)(self._replaced)

    def clean(self, text: str) -> str:
        return self._remembered(text) if len(text) < SHORT else self._replaced(text)


def _needle(form: str) -> str:
    if len(form) >= LONG and _ALL_LETTERS.fullmatch(form):
        return re.escape(form[:PREFIX]) + _REST
    return re.escape(form)


def _alternatives(needles: Iterable[str]) -> str:
    """Return a pattern for any of some needles, grouped by first letter: it is tried at each letter of a text."""
    grouped: dict[str, list[str]] = {}
    for needle in needles:
        first = needle[: 2 if needle.startswith("\\") else 1]
        grouped.setdefault(first, []).append(needle.removeprefix(first))
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in grouped.items())


def _eagerness(needle: str) -> tuple[bool, int, str]:
    """Put first what takes out the most: a secret that is known by its prefix, then the longest."""
    return (not needle.endswith(_REST), -len(needle), needle)


def _parts(secret: str) -> Iterable[str]:
    yield secret
    if secret.count(".") >= 2:
        yield from (part for part in secret.split(".") if len(part) >= 16)


def _forms(part: str) -> Iterable[str]:
    raw = part.encode("utf-8", "surrogatepass")
    yield part
    yield raw.decode("latin-1")
    for quoted in (quote(part, safe="", errors="replace"), quote_plus(part, errors="replace")):
        yield quoted
        yield re.sub("%..", lambda match: match[0].lower(), quoted)
    for written in (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]):
        yield written
        yield written.replace("/", "\\/")  # as PHP does
        for mark in "&<>'":
            written = written.replace(mark, f"\\u{ord(mark):04x}")
        yield written  # as in an attribute of a page
    yield html.escape(part)
    yield html.escape(part, quote=False)
    yield str(markupsafe.escape(part))
    for shift in range(3):
        # The same bytes read differently in base64 by where they begin; the inner part is the same each time.
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = encoded[4 if shift else 0 : len(encoded) - 2]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
