"""What can be wrong with the authorization of a recorded request. A token seldom tells whether it is valid."""

import base64
import json
import re
from email.utils import parsedate_to_datetime
from typing import Any

from refund_conformance.cases.recorded.exchange import Recorded, Shown
from refund_conformance.cases.recorded.route import Part
from refund_conformance.contract.model import VALID, Contract

AUTHORIZED = VALID["authorization"]
WRONG = ("forged", "expired", "malformed")
"""What an authorization header may be that looks right."""

LEEWAY = 300.0
"""Seconds after its end from which on a token has expired for any server, by the server's own clock."""

UNSURE_LEEWAY = 86_400.0
"""The same where only the recorder's clock is known, which may be wrong."""

OTHER_SCHEMES = frozenset(
    ("basic", "digest", "dpop", "gnap", "hoba", "mutual", "negotiate", "ntlm", "oauth", "privatetoken", "vapid")
)
"""Schemes that are registered for HTTP, besides Bearer. Any other first word may be a mask in a token's place."""

MASK = "[redacted]"
"""What our own records have in place of a token."""

_STAND_IN = "eyJhbGciOiJSUzI1NiJ9.e30.e30"
_TOKEN = r"[A-Za-z0-9_.~+/=-]+"  # noqa: S105  (a pattern)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")


def authorization(contract: Contract, header: str, recorded: Recorded, shown: Shown) -> Part:
    """Return what can be wrong with a request's authorization; ``header`` is the name of the field.

    A header that is not there is missing only if the recorder keeps such fields; a value that is no token may be
    what a token was masked by.
    """
    values = recorded.values(header)
    if not values:
        if recorded.keeps_headers or (recorded.has_all_headers and shown.has_tokens):
            return Part("missing")
        return Part(AUTHORIZED, ("missing", *WRONG))
    if len(values) > 1:
        return Part(AUTHORIZED, WRONG)
    value = values[0].strip()
    if recorded.masks_tokens:
        value = value.replace(MASK, _STAND_IN)
    scheme, _, token = value.partition(" ")
    if scheme.lower() != contract.operation.authorization_scheme.lower():
        return Part("malformed") if _is_other(scheme, value) else Part(AUTHORIZED, WRONG)
    asked = (("bearer-case", ""),) if scheme != contract.operation.authorization_scheme else ()
    if not re.fullmatch(_TOKEN, token.strip()):
        return Part("malformed") if _JWT.search(token) else Part(AUTHORIZED, WRONG, asked)
    return _token(recorded, shown, token.strip(), asked)


def _token(recorded: Recorded, shown: Shown, token: str, asked: tuple[tuple[str, str], ...]) -> Part:
    head, claims = token_parts(token)
    if isinstance(head.get("alg"), str) and head["alg"].lower() == "none":
        return Part("forged", ("expired", "malformed"))
    if "alg" in head and "enc" not in head and token.count(".") > 2:  # and an encrypted one has five parts
        return Part("malformed", ("forged", "expired"))
    if has_expired(recorded, claims):
        return Part("expired", ("forged", "malformed"))
    return Part(AUTHORIZED, () if shown.token_is_valid else WRONG, asked)


def _is_other(scheme: str, value: str) -> bool:
    """Whether a value is of another scheme, or a bare token, for sure."""
    return (scheme.lower() in OTHER_SCHEMES and scheme != value) or _JWT.search(value) is not None


def token_of(contract: Contract, header: str, recorded: Recorded) -> str:
    """Return the token of a request, "" if there is none or it is masked: one that is long enough to be one."""
    value = next(iter(recorded.values(header)), "")
    scheme, _, token = value.partition(" ")
    is_bearer = scheme.lower() == contract.operation.authorization_scheme.lower()
    return token if is_bearer and re.fullmatch(_TOKEN, token) and len(token) >= SHORTEST_TOKEN else ""


SHORTEST_TOKEN = 16
"""Characters of the shortest text that is taken for a token and not for a mask: "xxx", "redacted"."""


def token_parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token; empty ones for a token that is no JWT, or was masked there."""
    pieces = token.split(".")
    return (_object(pieces[0]), _object(pieces[1])) if len(pieces) > 1 else ({}, {})


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def has_expired(recorded: Recorded, claims: dict[str, Any]) -> bool:
    """Whether a token's end had passed for sure when the request was sent."""
    end, sent = claims.get("exp"), recorded.earliest
    if isinstance(end, bool) or not isinstance(end, int | float) or sent is None:
        return False
    told = server_time(recorded)
    if told is None:
        return end + UNSURE_LEEWAY < sent
    return end + LEEWAY < min(sent, told)


def server_time(recorded: Recorded) -> float | None:
    """Return the time that the answer's Date header tells, a Unix time; None if there is none."""
    dates = [value for name, value in recorded.answer.headers if name.lower() == "date"] if recorded.answer else []
    try:
        return parsedate_to_datetime(dates[0]).timestamp() if dates else None
    except (ValueError, OverflowError):
        return None
