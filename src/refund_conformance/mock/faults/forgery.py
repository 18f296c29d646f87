"""Faults of authorization that take a token for another kind of token, or its key from where it should not."""

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Any

from refund_conformance.mock.call import Call, Refused
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.faults.auth import claims_of, header_of
from refund_conformance.mock.faults.fault import FaultyEndpoint, Shelf, crash
from refund_conformance.mock.tokens import TokenRefusedError

shelf = Shelf()

_COMPACT_PARTS = 5
_ZEROS = {bytes(64), bytes.fromhex("3006020100020100")}


def believing(which: Callable[[str, dict[str, Any]], bool]) -> FaultyEndpoint:
    """Return an endpoint that believes some tokens unverified; they are told by their text and their header."""

    class Believing(Endpoint):
        def user_of(self, token: str) -> str:
            if not which(token, header_of(token)):
                return super().user_of(token)
            try:
                return str(claims_of(token)["sub"])
            except TokenRefusedError as problem:
                raise self.refusal(1007, problem.reason) from None

    return Believing


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (ValueError, binascii.Error):
        return b""


def _is_zero_signature(token: str, header: dict[str, Any]) -> bool:
    return header.get("alg") == "ES256" and _bytes(token.rpartition(".")[2]) == bytes(64)


def _is_zero_in_der(token: str, header: dict[str, Any]) -> bool:
    signature = _bytes(token.rpartition(".")[2])
    return header.get("alg") == "ES256" and signature in _ZEROS and signature[:1] == b"0"


def _is_signed_with_nothing(token: str, header: dict[str, Any]) -> bool:
    if header.get("alg") != "HS256" or "null" not in str(header.get("kid")):
        return False
    message, _, signature = token.rpartition(".")
    return hmac.compare_digest(hmac.digest(b"", message.encode("latin-1", "replace"), "sha256"), _bytes(signature))


for _name, _story, _which in (
    ("ecdsa-zeros", "Java 15 to 18 took an ECDSA signature of zeros for a right one.", _is_zero_signature),
    ("ecdsa-zeros-der", "An own reader of signatures never asks whether r and s are zero.", _is_zero_in_der),
    ("empty-file-key", "The key's id is a file's name, and the empty file an empty key.", _is_signed_with_nothing),
    ("key-in-token", "The library prefers the key that the token brings.", lambda _, header: "jwk" in header),
    (
        "key-set-in-token",
        "The set of keys is fetched from where the token says.",
        lambda _, header: "jku" in header,
    ),
    ("certificate-in-token", "The token's certificate is used, and its issuer not.", lambda _, h: "x5c" in h),
    (
        "refresh-token",
        "One key signs both kinds of tokens, and what one is for is not looked at.",
        lambda token, header: bool(header) and _claims(token).get("use") == "refresh",
    ),
):
    shelf.put(f"auth-{_name}", "auth.forged", _story, believing(_which))


def _claims(token: str) -> dict[str, Any]:
    try:
        return claims_of(token)
    except TokenRefusedError:
        return {}


def crashing_on(reason: str, which: Callable[[str], bool]) -> FaultyEndpoint:
    """Return an endpoint that crashes on some tokens."""

    class Crashing(Endpoint):
        def user_of(self, token: str) -> str:
            if which(token):
                raise crash(reason)
            return super().user_of(token)

    return Crashing


shelf.put(
    "auth-five-parts-500",
    "auth.malformed",
    "Five parts make an encrypted token, whose algorithm is looked for unseen.",
    crashing_on("KeyError: enc", lambda token: token.count(".") == _COMPACT_PARTS - 1),
)
shelf.put(
    "auth-header-array-500",
    "auth.forged",
    "The token's header is JSON, and thought to be an object.",
    crashing_on("list indices must be integers", lambda token: _bytes(token.split(".")[0])[:1] == b"["),
)
shelf.put(
    "auth-key-id-object-500",
    "auth.forged",
    "The key's id goes into a dictionary without a look at its type.",
    crashing_on("unhashable type", lambda token: b'"kid":{' in _bytes(token.split(".")[0])),
)


@shelf.fault(
    "auth-scheme-searched", "auth.malformed", "The word Bearer is searched for in the header, not matched."
)
class SchemeSearched(Endpoint):
    def token_in(self, header: str) -> str:
        return header.rpartition("Bearer ")[2] if "Bearer " in header else super().token_in(header)


@shelf.fault("auth-scheme-by-its-end", "auth.malformed", "The scheme need only end like Bearer.")
class SchemeByItsEnd(Endpoint):
    def token_in(self, header: str) -> str:
        scheme, _, token = header.partition(" ")
        return token if scheme.endswith("Bearer") else super().token_in(header)


@shelf.fault("auth-word-before-scheme", "auth.malformed", "The scheme may be the second word, as of a challenge.")
class SchemeSecond(Endpoint):
    def token_in(self, header: str) -> str:
        words = header.split(" ")
        return words[-1] if words[-2:-1] == ["Bearer"] else super().token_in(header)


@shelf.fault("auth-dot-behind", "auth.malformed", "The token is split at its dots, and empty parts dropped.")
class DotBehind(Endpoint):
    def token_in(self, header: str) -> str:
        return super().token_in(header).strip(".")


@shelf.fault(
    "auth-by-cookie", "auth.every-request", "Who has had an answer has a session, and its cookie will do."
)
class ByCookie(Endpoint):
    def authorize(self, call: Call) -> None:
        cookie = next(iter(call.received.values("cookie")), "")
        session, _, user = cookie.partition("=")
        if session == "session" and user:
            call.user = user
        else:
            super().authorize(call)

    def decide(self, call: Call) -> Any:
        """Set the cookie on each answer that is authorized."""
        answer = super().decide(call)
        if call.user:
            answer = answer.with_header(b"set-cookie", f"session={call.user}; Path=/; HttpOnly".encode("latin-1"))
        return answer


@shelf.fault(
    "auth-trailer-trusted", "auth.missing", "Trailer fields are put among the header's, where they are read."
)
class TrailerTrusted(Endpoint):
    def authorization(self, call: Call) -> str:
        try:
            return super().authorization(call)
        except Refused:
            values = [
                value.decode("latin-1") for name, value in call.received.trailers if name == b"authorizationjwt"
            ]
            if not values:
                raise
            return values[0].strip(" \t")
