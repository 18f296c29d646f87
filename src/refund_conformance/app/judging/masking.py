"""Take secrets out of recorded traffic: where they stand, by what they look like, and by what they are."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from refund_conformance.cases.recorded.authorization import OTHER_SCHEMES
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.transport.exchange import Headers
from refund_conformance.transport.redaction import LONG, MARK, PREFIX, Redactor

MOST = 500
"""Secrets of logins that are looked for in all that is written, and of others that the report is searched for."""

SHORTEST_WORD = 8
"""Characters of the shortest word that is looked up among all secrets of the recording."""

SHORTEST_SEARCHED = 16
"""Characters of the shortest secret that the report is searched for: one of fewer may be a word of ours."""

_NAME = r"auth|token|secret|cookie|session|api-?key|passw|signature|credential"
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_QUERY = re.compile(rf"([?&][^=&#]*(?:{_NAME})[^=&#]*=)[^&#]*", re.IGNORECASE)
_MEMBER = re.compile(rf'("[^"\\]{{0,80}}(?:{_NAME})[^"\\]{{0,80}}"\s*:\s*")(?:[^"\\]|\\.)*', re.IGNORECASE)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*")
_WORDS = tuple(re.compile(rf"[A-Za-z0-9{more}_.~-]{{{SHORTEST_WORD},}}") for more in ("+/=", ""))
_SCHEMES = frozenset({*OTHER_SCHEMES, "bearer"})


class Masking(Redactor):
    """A redactor for traffic with any number of tokens, each of which is seldom seen again.

    Before an exchange is kept, ``about`` tells which one it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.remembered: dict[str, None] = {}
        self._words: set[str] = set()
        self._own = Redactor()

    def learn(self, secrets: Iterable[str]) -> None:
        """Remember the secrets of a login: they are taken out wherever they stand."""
        for secret in secrets:
            self._remember(secret)
            if len(self._known) < MOST:
                self.add(secret)

    def about(self, recorded: Recorded) -> None:
        """Look for the secrets of an exchange, from now on and in what is kept of it in any form."""
        secrets = frozenset(secrets_of(recorded))
        for secret in secrets:
            self._words.add(_word(secret))
            self._remember(secret)
        self._own = _redactor(secrets)

    def _remember(self, secret: str) -> None:
        if len(self.remembered) < MOST and len(secret) >= SHORTEST_SEARCHED:
            self.remembered[secret] = None

    def text(self, text: str) -> str:
        """Return the text with every secret replaced."""
        cleaned = _MEMBER.sub(rf"\1{MARK}", _JWT.sub(MARK, self._own.text(super().text(text))))
        for word in _WORDS:
            cleaned = word.sub(self._word, cleaned)
        return cleaned

    def bytes(self, raw: bytes) -> bytes:
        """Return the bytes with every secret replaced."""
        return self.text(raw.decode("latin-1")).encode("latin-1")

    def _word(self, match: re.Match[str]) -> str:
        return MARK if _word(match[0]) in self._words else match[0]


def _word(secret: str) -> str:
    return secret[:PREFIX] if len(secret) >= LONG else secret


@lru_cache(256)
def _redactor(secrets: frozenset[str]) -> Redactor:
    return Redactor(secrets)


def secrets_of(recorded: Recorded) -> Iterator[str]:
    """Yield what is secret in the header fields of an exchange: tokens, passwords, cookies."""
    answer = recorded.answer
    for name, value in (*recorded.headers, *(answer.headers if answer else ())):
        if name.startswith(":") or not _SECRET_NAME.search(name):
            continue
        if "cookie" in name.lower():
            pairs = (pair.partition("=")[2].strip('" ') for pair in value.split(";"))
            yield from (text for text in pairs if len(text) >= SHORTEST_WORD)
        elif name.lower() != "www-authenticate":
            words = value.replace(",", " ").split()
            yield from (word for word in words if word.lower() not in _SCHEMES and MARK not in word)


def masked_headers(recorded: Recorded, headers: Headers) -> Headers:
    """Return header fields without the values of those that hold secrets; a known scheme stays."""
    return tuple((name, _masked(recorded, name, value)) for name, value in headers)


def _masked(recorded: Recorded, name: str, value: str) -> str:
    if name.startswith(":") or not _SECRET_NAME.search(name) or name.lower() == "www-authenticate" or not value:
        return value
    if recorded.masks_tokens and MARK in value:
        return value
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {MARK}" if rest and scheme.lower() in _SCHEMES else MARK


def masked_target(target: str) -> str:
    """Return a request target without the values of those parts of its query that hold secrets."""
    return _QUERY.sub(rf"\1{MARK}", target)
