"""Our tokens: those in the settings, and one of our own that the target gives for username and password."""

import base64
import json
import threading
import time
from collections.abc import Mapping

from refund_conformance.contract.errors import TargetError
from refund_conformance.contract.json_text import parse
from refund_conformance.contract.model import Operation
from refund_conformance.sut.settings import Settings
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Request
from refund_conformance.transport.retry import repeated, says_nothing

OWN = "token"
"""The name of our own token in the settings."""

REFRESH = "refresh_token"
"""The name of the token that gets another one."""

EARLY = 1.0
"""Seconds before its end at which a token is renewed."""


class Tokens:
    """The tokens of a run, by their names in the settings. Our own is renewed if the settings allow logging in."""

    def __init__(self, settings: Settings, operation: Operation) -> None:
        self._settings = settings
        self._operation = operation
        self._lock = threading.Lock()
        self._tokens = dict(settings.tokens)
        if OWN not in self._tokens:
            self._tokens = {**login(settings, operation), **self._tokens}

    def names(self) -> frozenset[str]:
        """Return the names of the tokens there are."""
        return frozenset(self._tokens)

    def values(self) -> tuple[str, ...]:
        """Return all tokens."""
        return tuple(self._tokens.values())

    def get(self, name: str) -> str:
        """Return a token, "" if there is none of that name. Our own is renewed shortly before its end."""
        if name == OWN and self.renewable and _seconds_left(self._tokens[OWN]) < EARLY:
            self.renew(self._tokens[OWN])
        return self._tokens.get(name, "")

    def is_over(self, name: str) -> bool:
        """Whether a token tells that its life is over."""
        return _seconds_left(self.get(name)) <= 0

    @property
    def renewable(self) -> bool:
        """Whether the settings have what is needed to log in."""
        return self._settings.username is not None

    def renew(self, stale: str) -> str:
        """Log in again, unless someone else has done so since our token was ``stale``; return the new one."""
        with self._lock:
            if self._tokens[OWN] == stale:
                self._tokens |= login(self._settings, self._operation)
            return self._tokens[OWN]


def _seconds_left(token: str) -> float:
    """Return the seconds until a JWT's end; endless for a token that does not tell."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        expiry: Mapping[str, object] | object = claims.get("exp")
        return float(expiry) - time.time() if isinstance(expiry, int | float) else float("inf")
    except (IndexError, ValueError, OverflowError, AttributeError, RecursionError):
        return float("inf")


def login(settings: Settings, operation: Operation) -> dict[str, str]:
    """Ask the target for a token by the login operation (facts: "Get Token").

    Return it by its name in the settings, with the refresh token if the answer has one.
    Raises TargetError if the login is refused, or answered without a token.
    """
    body = json.dumps({"username": settings.username, "password": settings.password}).encode()
    headers = (("Content-Type", operation.media_type), ("Accept", operation.media_type))
    wire = Wire(settings.base_url, settings.timeout, settings.proxy, settings.ca_bundle)
    try:
        request = Request("POST", operation.login_path, headers, body)
        exchange = repeated(lambda: wire.send(request), says_nothing)
    finally:
        wire.close()
    what = f"login at {settings.base_url}{operation.login_path}"
    remedy = "Check auth.username and auth.password, or set auth.token."
    if exchange.response is None:
        raise TargetError(what, f"got no answer: {exchange.detail}", remedy)
    if exchange.response.status != operation.success_status:
        raise TargetError(what, f"was answered with {exchange.response.status}", remedy)
    try:
        answer = parse(exchange.response.body)
    except ValueError:
        answer = None
    given = answer if isinstance(answer, dict) else {}
    tokens = {name: given[name] for name in (OWN, REFRESH) if _is_token(given.get(name))}
    if OWN not in tokens:
        raise TargetError(what, "was answered without a token", remedy)
    return tokens


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(value) and all("!" <= letter <= "~" for letter in value)
