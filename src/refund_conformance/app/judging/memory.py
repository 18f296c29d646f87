"""What a recording has shown so far of orders, tokens and servers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from refund_conformance.cases.recorded.exchange import Recorded, Shown
from refund_conformance.cases.recorded.route import Place
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.error_body import read
from refund_conformance.transport.exchange import Response

HOLDS = 10.0
"""Seconds for which what a recording shows is taken to hold: a refund request is processed by people, and a token
is valid for hours. A run relies on the same when it sends a second request for an order."""

MOST_ORDERS = 20_000
"""Orders and tokens that are remembered at most; those that nothing follows from any more are forgotten first."""

Key = tuple[str, str, str, str]
"""Recorder, origin, prefix and id of an order."""

Name = TypeVar("Name")


@dataclass(frozen=True)
class Known:
    """An exchange that something is known from: its number in the record, and the token that it was sent with."""

    recorded: Recorded
    number: int
    token: str = ""
    part: str = ""


@dataclass
class Memory:
    """Remembers what later exchanges may be judged by.

    ``holds`` is for how many seconds that is taken to hold: both exchanges must lie within them, by one clock.
    """

    contract: Contract
    holds: float = HOLDS
    _accepted: dict[Key, Known] = field(default_factory=dict)
    _refused: dict[Key, Known] = field(default_factory=dict)
    _tokens: dict[tuple[str, str, str], Known] = field(default_factory=dict)
    _served: set[tuple[str, str]] = field(default_factory=set)
    _keeping: set[str] = field(default_factory=set)

    def saw(self, recorded: Recorded, header: str, place: Place | None) -> None:
        """Take note of what an exchange shows of its recorder and its server."""
        if any(value.strip() for value in recorded.values(header)):
            self._keeping.add(recorded.recorder)
        if place is not None and recorded.answer is not None and self._is_ours(recorded):
            self._served.add((recorded.origin, place.prefix))

    def _is_ours(self, recorded: Recorded) -> bool:
        """Whether an answer has a documented error, so that the endpoint answers there and nothing else does."""
        answer = recorded.answer
        if answer is None or not answer.body:
            return False
        reading = read(Response(answer.status, answer.reason, answer.headers, answer.body))
        return reading.shape is None and any(code in self.contract.errors for code in reading.codes)

    def shown(self, recorded: Recorded, place: Place, token: str, *, is_served: bool) -> Shown:
        """Return what is known of the world when a request was sent."""
        before = self.before(recorded, place)
        is_open = before is not None and self._holds(before, recorded) and _follows(before.recorded, recorded)
        login = self._tokens.get((recorded.recorder, recorded.origin, token)) if token else None
        return Shown(
            order="refund-open" if is_open else "",
            is_owner=before is not None and bool(token) and before.token == token,
            token_is_valid=login is not None and self._holds(login, recorded),
            is_served=is_served or (recorded.origin, place.prefix) in self._served,
            has_tokens=recorded.recorder in self._keeping,
        )

    def before(self, recorded: Recorded, place: Place) -> Known | None:
        """Return the acceptance before, on the same order, if there was one of another request."""
        known = self._accepted.get(_key(recorded, place))
        return known if known is not None and not _is_same(known.recorded, recorded) else None

    def is_race(self, known: Known, recorded: Recorded) -> bool:
        """Whether two requests were under way at once, so that one of them at most may be accepted."""
        return self._holds(known, recorded) and not _follows(known.recorded, recorded)

    def refused(self, recorded: Recorded, place: Place) -> Known | None:
        """Return a refusal shortly before, for something else than its state, on the same order."""
        known = self._refused.get(_key(recorded, place))
        is_before = known is not None and self._holds(known, recorded) and _follows(known.recorded, recorded)
        return known if is_before else None

    def accept(self, known: Known, place: Place) -> None:
        """Remember that a request was accepted."""
        _keep(self._accepted, _key(known.recorded, place), known)

    def refuse(self, known: Known, place: Place) -> None:
        """Remember that a request was refused for a part of it."""
        _keep(self._refused, _key(known.recorded, place), known)

    def log_in(self, recorded: Recorded) -> None:
        """Remember the token that a login was answered with."""
        for token in login_tokens(recorded)[:1]:
            _keep(self._tokens, (recorded.recorder, recorded.origin, token), Known(recorded, 0))

    def _holds(self, known: Known, recorded: Recorded) -> bool:
        first, last = known.recorded.earliest, recorded.latest
        return first is not None and last is not None and abs(last - first) <= self.holds


def _keep(store: dict[Name, Known], key: Name, known: Known) -> None:
    store.pop(key, None)
    store[key] = known
    while len(store) > MOST_ORDERS:
        del store[next(iter(store))]


def _key(recorded: Recorded, place: Place) -> Key:
    return recorded.recorder, recorded.origin, place.prefix, place.order


def _follows(first: Recorded, second: Recorded) -> bool:
    """Whether a request was sent after another one had been answered."""
    if first.latest is None or second.earliest is None:
        return False
    return second.earliest >= first.latest or (second.is_sequential and second.earliest >= (first.earliest or 0))


def _is_same(one: Recorded, other: Recorded) -> bool:
    """Whether two exchanges are one that was recorded twice, or was repeated under the same key."""
    keys = one.values(IDEMPOTENCY), other.values(IDEMPOTENCY)
    if keys[0] and keys[0] == keys[1]:
        return True
    return one.earliest == other.earliest and one.latest == other.latest and one.body == other.body


IDEMPOTENCY = "Idempotency-Key"
"""The header by which some servers know a repeated request, and give the same answer again."""


def login_tokens(recorded: Recorded) -> tuple[str, ...]:
    """Return the tokens that a login was answered with, that for requests first."""
    return tuple(
        dict.fromkeys(_members(recorded.answer.body if recorded.answer else None, ("token", "refresh_token")))
    )


def login_secrets(recorded: Recorded) -> tuple[str, ...]:
    """Return what is secret in a login: the password, and the tokens."""
    return (*_members(recorded.body, ("password",)), *login_tokens(recorded))


def _members(body: bytes | None, names: tuple[str, ...]) -> Iterator[str]:
    try:
        value = json.loads(body or b"")
    except (ValueError, RecursionError):
        return
    for name in names if isinstance(value, dict) else ():
        if isinstance(value.get(name), str) and value[name]:
            yield value[name]
